"""Changing one's password: what else may happen meanwhile, and what is left when it comes to nothing."""

import pytest

from coatcheck.errors import LoginRefused, PasswordWeak, RequestInvalid, SessionEnded
from coatcheck.flows.change_account import change_account
from coatcheck.flows.change_password import change_password
from coatcheck.flows.logout import Scope, logout
from coatcheck.flows.set_password import set_password
from coatcheck.model.event import SessionEnded as Ended
from coatcheck.model.event import SessionRenewed, UserChanged
from coatcheck.model.session import Ending
from coatcheck.settings import AttemptSettings
from tests.flows.builders import CLIENT, NEW, PASSWORD, Place

pytestmark = pytest.mark.anyio


async def change(means, login, *, current=PASSWORD, new=NEW, client=CLIENT):
    return await change_password(means, login.user.id, login.session.id, current=current, new=new, client=client)


async def test_the_others_end_and_this_one_is_renewed_in_one_commit(place):
    user = await place.user()
    other, mine = await place.log_in(), await place.log_in()
    committed = await change(place.means, mine)
    assert [event.happening for event in committed.events] == [
        UserChanged(user.id, user.version + 1),
        Ended(other.session.id),
        SessionRenewed(mine.session.id, mine.session.generation + 1),
    ]
    assert place.session(other).ending is Ending.PASSWORD_CHANGED
    assert place.session(mine).secret_digest != mine.session.secret_digest
    assert committed.result.credentials.session_token != mine.credentials.session_token


@pytest.mark.parametrize("hashes", [1, 2], ids=["while the old one is proven", "while the new one is hashed"])
async def test_a_role_change_meanwhile_is_kept(place, hashes):
    user = await place.user()
    mine = await place.log_in()

    async def promote():
        await change_account(place.means, user.id, roles=("editor",), actor_id=None, client=CLIENT)

    committed = await change(place.meanwhile(promote, hashes=hashes), mine)
    assert committed.result.user.roles == ("editor",)
    assert committed.result.user.version == user.version + 2
    assert (await place.log_in(password=NEW)).user.roles == ("editor",)


@pytest.mark.parametrize("hashes", [1, 2])
async def test_another_password_meanwhile_wins(place, hashes):
    user = await place.user()
    mine = await place.log_in()

    async def reset():
        await set_password(place.means, user.id, "two odd tall elms", actor_id=None, client=CLIENT)

    with pytest.raises(SessionEnded):
        await change(place.meanwhile(reset, hashes=hashes), mine)
    assert (await place.log_in(password="two odd tall elms")).user.version == user.version + 1


@pytest.mark.parametrize("hashes", [1, 2])
async def test_of_two_changes_from_one_session_the_first_wins(place, hashes):
    await place.user()
    mine = await place.log_in()
    means = place.meanwhile(lambda: change(place.means, mine, new="two odd tall elms"), hashes=hashes)
    with pytest.raises(SessionEnded):
        await change(means, mine)
    assert len(place.audit("password.changed")) == 1
    assert await place.log_in(password="two odd tall elms")


async def test_a_logout_meanwhile_leaves_everything_as_it_was(place):
    user = await place.user()
    other, mine = await place.log_in(), await place.log_in()

    async def leave():
        await logout(place.means, user.id, mine.session.id, scope=Scope.THIS, client=CLIENT)

    with pytest.raises(SessionEnded):
        await change(place.meanwhile(leave, hashes=2), mine)
    assert place.now_of(user) == user
    assert place.session(other).ended_at is None
    assert place.audit("password.changed") == []


@pytest.mark.parametrize(("new", "error"), [("ann@example.com", PasswordWeak), ("a" * 257, RequestInvalid)])
async def test_a_new_password_that_is_not_taken_costs_no_attempt(new, error):
    place = Place(attempts=AttemptSettings(per_account=1))
    try:
        await place.user()
        mine = await place.log_in()
        for _ in range(3):
            with pytest.raises(error):
                await change(place.means, mine, new=new)
        assert await change(place.means, mine)
    finally:
        place.pool.close()


async def test_a_field_that_is_refused_is_called_by_its_name(place):
    await place.user()
    mine = await place.log_in()
    for wrong in ({"current": "a" * 257}, {"new": "a" * 257}):
        with pytest.raises(RequestInvalid) as refused:
            await change(place.means, mine, **wrong)
        assert [each.field for each in refused.value.errors] == list(wrong)


async def test_the_wrong_password_changes_nothing(place):
    user = await place.user()
    mine = await place.log_in()
    with pytest.raises(LoginRefused):
        await change(place.means, mine, current="not this one")
    assert place.now_of(user) == user


async def test_the_device_is_known_under_the_new_password_only(place):
    user = await place.user()
    mine = await place.log_in()
    place.clock.advance(place.settings.sessions.grace)
    token = (await change(place.means, mine)).result.credentials.device_token
    changed = place.now_of(user)
    mark = changed.password_changed_at.isoformat()
    assert place.means.devices.device_of(token, user.id, mark) is not None
    assert place.means.devices.device_of(mine.credentials.device_token, user.id, mark) is None
