"""Roles, suspension and restoring: what ends, what is told, and who must stay."""

import pytest

from coatcheck.errors import DataConflict, LoginRefused, RequestInvalid, RequestNotFound, UserSuspended
from coatcheck.flows.change_account import change_account
from coatcheck.flows.delete_user import delete_user
from coatcheck.flows.mark_compromised import mark_compromised
from coatcheck.flows.set_password import set_password
from coatcheck.model.event import SessionEnded, UserChanged
from coatcheck.model.session import Ending
from coatcheck.model.user import ADMINISTRATOR, UserStatus
from tests.flows.builders import CLIENT, NEW

pytestmark = pytest.mark.anyio

BY = {"actor_id": "usr_root", "client": CLIENT}
REMOVALS = {
    "demoting": lambda means, user_id: change_account(means, user_id, roles=("editor",), **BY),
    "suspending": lambda means, user_id: change_account(means, user_id, status=UserStatus.SUSPENDED, **BY),
    "deleting": lambda means, user_id: delete_user(means, user_id, **BY),
}


async def test_roles_are_sorted_told_and_noted(place):
    user = await place.user()
    committed = await change_account(place.means, user.id, roles=("writer", "editor", "writer"), **BY)
    assert committed.result.roles == ("editor", "writer")
    assert [event.happening for event in committed.events] == [UserChanged(user.id, user.version + 1)]
    (entry,) = place.audit("user.roles_changed")
    assert (entry.actor_id, entry.detail) == ("usr_root", {"roles": "editor writer", "before": ""})


async def test_what_changes_nothing_is_not_told(place):
    user = await place.user("ann@example.com", "editor")
    committed = await change_account(place.means, user.id, roles=("editor",), status=UserStatus.ACTIVE, **BY)
    assert (committed.result, committed.events) == (user, ())
    assert place.audit("user.roles_changed") == place.audit("user.restored") == []


async def test_a_role_change_ends_no_session(place):
    user = await place.user()
    login = await place.log_in()
    await change_account(place.means, user.id, roles=("editor",), **BY)
    assert place.session(login).ended_at is None


async def test_suspension_ends_every_session_in_the_same_commit(place):
    user = await place.user()
    logins = [await place.log_in(), await place.log_in()]
    committed = await change_account(place.means, user.id, status=UserStatus.SUSPENDED, **BY)
    told = [event.happening for event in committed.events]
    assert told[0] == UserChanged(user.id, user.version + 1)
    assert {each.session_id for each in told[1:] if isinstance(each, SessionEnded)} == {
        login.session.id for login in logins
    }
    assert {place.session(login).ending for login in logins} == {Ending.SUSPENDED}
    with pytest.raises(UserSuspended):
        await place.log_in()


async def test_restoring_lets_in_again_and_revives_nothing(place):
    user = await place.user()
    login = await place.log_in()
    await change_account(place.means, user.id, status=UserStatus.SUSPENDED, **BY)
    await change_account(place.means, user.id, status=UserStatus.ACTIVE, **BY)
    assert place.session(login).ending is Ending.SUSPENDED
    assert (await place.log_in()).user.id == user.id


async def test_roles_and_status_change_together_or_not_at_all(place):
    root = await place.user("root@example.com", ADMINISTRATOR)
    with pytest.raises(DataConflict):
        await change_account(place.means, root.id, roles=(ADMINISTRATOR, "editor"), status=UserStatus.SUSPENDED, **BY)
    assert place.now_of(root) == root
    assert place.audit("user.roles_changed") == []


@pytest.mark.parametrize("removal", REMOVALS)
async def test_the_last_administrator_stays(place, removal):
    root = await place.user("root@example.com", ADMINISTRATOR)
    login = await place.log_in("root@example.com")
    with pytest.raises(DataConflict):
        await REMOVALS[removal](place.means, root.id)
    assert place.now_of(root) == root
    assert place.session(login).ended_at is None


@pytest.mark.parametrize("removal", REMOVALS)
async def test_a_suspended_administrator_is_no_other_one(place, removal):
    root = await place.user("root@example.com", ADMINISTRATOR)
    other = await place.user("ann@example.com", ADMINISTRATOR)
    await change_account(place.means, other.id, status=UserStatus.SUSPENDED, **BY)
    with pytest.raises(DataConflict):
        await REMOVALS[removal](place.means, root.id)
    await REMOVALS[removal](place.means, other.id)


@pytest.mark.parametrize("removal", REMOVALS)
async def test_one_of_two_administrators_may_go(place, removal):
    root = await place.user("root@example.com", ADMINISTRATOR)
    await place.user("ann@example.com", ADMINISTRATOR)
    await REMOVALS[removal](place.means, root.id)
    left = place.now_of(root)
    assert left is None or left.roles == ("editor",) or left.status is UserStatus.SUSPENDED


async def test_a_deleted_account_lets_nobody_in_and_its_sessions_are_over(place):
    user = await place.user()
    login = await place.log_in()
    committed = await delete_user(place.means, user.id, **BY)
    assert SessionEnded(login.session.id) in [event.happening for event in committed.events]
    assert place.now_of(user) is None
    with pytest.raises(LoginRefused):
        await place.log_in()


async def test_roles_of_the_wrong_form_are_refused_before_anything_is_done(place):
    user = await place.user()
    with pytest.raises(RequestInvalid):
        await change_account(place.means, user.id, roles=("two words",), status=UserStatus.SUSPENDED, **BY)
    assert place.now_of(user) == user


@pytest.mark.parametrize(
    "verb",
    [
        *REMOVALS.values(),
        lambda means, user_id: mark_compromised(means, user_id, reason="a leak", **BY),
        lambda means, user_id: set_password(means, user_id, NEW, **BY),
    ],
)
async def test_nobody_is_changed_who_is_not_there(place, verb):
    with pytest.raises(RequestNotFound):
        await verb(place.means, "usr_nobody")
