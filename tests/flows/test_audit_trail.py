"""Each login, refusal and change leaves an entry: who, what, when, where, by which factors, what came of it."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from coatcheck.errors import AttemptsExceeded, EmailTaken, LoginRefused, SessionLimit, UserSuspended
from coatcheck.flows.change_account import change_account
from coatcheck.flows.change_password import change_password
from coatcheck.flows.login import login
from coatcheck.flows.mark_compromised import mark_compromised
from coatcheck.flows.parts.refusals import note_denial
from coatcheck.flows.reauthenticate import reauthenticate
from coatcheck.flows.refresh import refresh
from coatcheck.flows.register import register
from coatcheck.model.audit import AuditEntry, Outcome
from coatcheck.model.client import Client
from coatcheck.model.session import Carry
from coatcheck.model.user import UserStatus
from coatcheck.settings import AttemptSettings, SessionSettings
from tests.flows.builders import CLIENT, NEW, PASSWORD, Place

pytestmark = pytest.mark.anyio

WRONG = "something else entirely"


async def refused(kind: type[Exception], what: Callable[[], Awaitable[object]], times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(kind):
            await what()


def only(entries: list[AuditEntry]) -> AuditEntry:
    assert len(entries) == 1
    return entries[0]


def where(entry: AuditEntry) -> tuple[Any, ...]:
    """The five questions but what and when."""
    return entry.user_id, entry.actor_id, entry.session_id, entry.address, entry.factors, entry.outcome


async def test_a_login_says_who_where_how_and_with_what(place: Place) -> None:
    user = await place.user()
    done = await place.log_in()
    entry = only(place.audit("login.succeeded"))
    assert where(entry) == (user.id, user.id, done.session.id, CLIENT.address, ("pwd",), Outcome.SUCCEEDED)
    assert entry.at == place.clock.now
    assert entry.detail == {"device": "A test", "carry": "cookie"}


async def test_a_registration_names_the_session_that_it_opened(place: Place) -> None:
    done = (await register(place.means, "ann@example.com", PASSWORD, client=CLIENT)).result
    entry = only(place.audit("user.registered"))
    assert where(entry) == (
        done.user.id,
        done.user.id,
        done.session.id,
        CLIENT.address,
        ("pwd",),
        Outcome.SUCCEEDED,
    )


async def test_an_account_made_by_an_administrator_says_so_and_which_roles_it_has(place: Place) -> None:
    await place.user("ann@example.com", "editor")
    entry = only(place.audit("user.registered"))
    assert (entry.session_id, entry.factors, entry.detail) == (None, (), {"roles": "editor"})


async def test_a_refused_login_names_the_account_and_nobody_who_did_it(place: Place) -> None:
    user = await place.user()
    await refused(LoginRefused, lambda: place.log_in(password=WRONG))
    entry = only(place.audit("login.failed"))
    assert where(entry) == (user.id, None, None, CLIENT.address, ("pwd",), Outcome.REFUSED)
    assert entry.detail == {"reason": "wrong_password"}


async def test_what_was_typed_for_an_account_that_is_not_there_is_kept_nowhere(place: Place) -> None:
    await refused(LoginRefused, lambda: place.log_in("hunter2-was-typed-here@example.com", WRONG))
    entry = only(place.audit("login.failed"))
    assert where(entry) == (None, None, None, CLIENT.address, ("pwd",), Outcome.REFUSED)
    assert entry.detail == {"reason": "unknown_account"}


async def test_an_account_without_a_password_is_told_apart_here_and_only_here(place: Place) -> None:
    user = await place.user()
    await mark_compromised(place.means, user.id, reason="phished", actor_id=None, client=CLIENT)
    await refused(LoginRefused, place.log_in)
    assert only(place.audit("login.failed")).detail == {"reason": "no_password"}


async def test_a_suspended_person_is_noted_with_the_right_password_too(place: Place) -> None:
    user = await place.user()
    await change_account(place.means, user.id, status=UserStatus.SUSPENDED, actor_id="usr_root", client=CLIENT)
    await refused(UserSuspended, place.log_in)
    entry = only(place.audit("login.failed"))
    assert (entry.user_id, entry.actor_id, entry.detail) == (user.id, None, {"reason": "suspended"})


async def test_a_login_beyond_the_session_limit_is_noted() -> None:
    place = Place(sessions=SessionSettings(at_most=1, at_limit="refuse"))
    user = await place.user()
    await place.log_in()
    await refused(SessionLimit, place.log_in)
    entry = only(place.audit("login.failed"))
    assert (entry.user_id, entry.detail) == (user.id, {"reason": "session_limit"})
    assert len(place.audit("login.succeeded")) == 1


async def test_a_flood_beyond_the_limit_is_noted_once_in_a_window() -> None:
    place = Place(attempts=AttemptSettings(per_account=3))
    user = await place.user()
    await refused(LoginRefused, lambda: place.log_in(password=WRONG), times=3)
    await refused(AttemptsExceeded, lambda: place.log_in(password=WRONG), times=20)
    assert [entry.detail["reason"] for entry in place.audit("login.failed")] == [
        "too_many_attempts",
        *["wrong_password"] * 3,
    ]
    assert place.audit("login.failed")[0].user_id == user.id
    place.clock.advance(timedelta(minutes=16))
    await refused(LoginRefused, lambda: place.log_in(password=WRONG), times=3)
    await refused(AttemptsExceeded, lambda: place.log_in(password=WRONG), times=5)
    assert len(place.audit("login.failed")) == 8


async def test_an_address_that_tries_many_accounts_beyond_its_limit_is_noted_once() -> None:
    place = Place(attempts=AttemptSettings(per_address=2))
    for number in range(2):
        await refused(LoginRefused, lambda number=number: place.log_in(f"{number}@example.com", WRONG))  # type: ignore[misc]
    for number in range(30):
        await refused(AttemptsExceeded, lambda number=number: place.log_in(f"x{number}@example.com", WRONG))  # type: ignore[misc]
    assert len(place.audit("login.failed")) == 3


async def test_a_registration_with_a_taken_address_names_whose_it_is(place: Place) -> None:
    user = await place.user()
    await refused(EmailTaken, lambda: register(place.means, "ann@example.com", NEW, client=CLIENT))
    entry = only(place.audit("registration.failed"))
    assert where(entry) == (user.id, None, None, CLIENT.address, ("pwd",), Outcome.REFUSED)
    assert entry.detail == {"reason": "email_taken"}


async def test_registrations_beyond_the_limit_are_noted_once() -> None:
    place = Place(attempts=AttemptSettings(per_address=1))
    await register(place.means, "ann@example.com", PASSWORD, client=CLIENT)
    await refused(AttemptsExceeded, lambda: register(place.means, "bob@example.com", NEW, client=CLIENT), times=5)
    assert only(place.audit("registration.failed")).detail == {"reason": "too_many_attempts"}


async def test_proving_the_password_again_is_noted_both_ways(place: Place) -> None:
    await place.user()
    done = await place.log_in()
    who = done.user.id, done.session.id
    await refused(LoginRefused, lambda: reauthenticate(place.means, *who, WRONG, client=CLIENT))
    entry = only(place.audit("reauthentication.failed"))
    assert where(entry) == (who[0], who[0], who[1], CLIENT.address, ("pwd",), Outcome.REFUSED)
    await reauthenticate(place.means, *who, PASSWORD, client=CLIENT)
    entry = only(place.audit("session.reauthenticated"))
    assert where(entry) == (who[0], who[0], who[1], CLIENT.address, ("pwd",), Outcome.SUCCEEDED)


async def test_changing_the_password_is_noted_both_ways(place: Place) -> None:
    await place.user()
    done = await place.log_in()
    who = done.user.id, done.session.id
    await refused(LoginRefused, lambda: change_password(place.means, *who, current=WRONG, new=NEW, client=CLIENT))
    assert only(place.audit("password.change_failed")).detail == {"reason": "wrong_password"}
    await change_password(place.means, *who, current=PASSWORD, new=NEW, client=CLIENT)
    entry = only(place.audit("password.changed"))
    assert where(entry) == (who[0], who[0], who[1], CLIENT.address, ("pwd",), Outcome.SUCCEEDED)


async def test_guessing_the_password_of_a_stolen_session_is_noted_once_beyond_the_limit() -> None:
    place = Place(attempts=AttemptSettings(per_account=2))
    await place.user()
    done = await place.log_in()
    guess = lambda: reauthenticate(place.means, done.user.id, done.session.id, WRONG, client=CLIENT)  # noqa: E731
    await refused(LoginRefused, guess, times=2)
    await refused(AttemptsExceeded, guess, times=9)
    newest, *others = place.audit("reauthentication.failed")
    assert (newest.detail, newest.actor_id, len(others)) == ({"reason": "too_many_attempts"}, done.user.id, 2)


async def test_a_change_of_roles_says_what_they_were(place: Place) -> None:
    user = await place.user("ann@example.com", "editor")
    await change_account(place.means, user.id, roles=("writer",), actor_id="usr_root", client=CLIENT)
    assert only(place.audit("user.roles_changed")).detail == {"roles": "writer", "before": "editor"}


async def test_the_token_of_a_session_that_is_over_is_noted_once_in_an_hour(place: Place) -> None:
    await place.user()
    done = await place.log_in(carry=Carry.TOKENS)
    token = done.credentials.refresh_token or ""
    await mark_compromised(place.means, done.user.id, reason="phished", actor_id=None, client=CLIENT)
    thief = Client(address="198.51.100.9")
    for _ in range(7):
        await refresh(place.means, token, client=thief)
    entry = only(place.audit("refresh.failed"))
    assert where(entry) == (done.user.id, None, done.session.id, thief.address, (), Outcome.REFUSED)
    assert entry.detail == {"reason": "ended"}
    place.clock.advance(timedelta(minutes=61))
    await refresh(place.means, token, client=thief)
    assert len(place.audit("refresh.failed")) == 2


async def test_a_token_that_is_sent_again_and_again_is_noted_once(place: Place) -> None:
    await place.user()
    done = await place.log_in(carry=Carry.TOKENS)
    token = done.credentials.refresh_token or ""
    for _ in range(6):
        await refresh(place.means, token, client=CLIENT)
    assert only(place.audit("refresh.retried")).session_id == done.session.id


async def test_a_replay_is_noted_as_refused(place: Place) -> None:
    await place.user()
    done = await place.log_in(carry=Carry.TOKENS)
    token = done.credentials.refresh_token or ""
    await refresh(place.means, token, client=CLIENT)
    place.clock.advance(timedelta(seconds=30))
    await refresh(place.means, token, client=CLIENT)
    assert where(only(place.audit("refresh.replayed")))[-1] is Outcome.REFUSED
    assert only(place.audit("session.ended")).detail == {"ending": "replayed"}


async def test_asking_for_administration_without_leave_is_noted_once_in_an_hour(place: Place) -> None:
    user = await place.user()
    done = await place.log_in()
    for _ in range(5):
        await note_denial(place.means, user.id, done.session.id, "api/admin/users", CLIENT)
    entry = only(place.audit("access.denied"))
    assert where(entry) == (user.id, user.id, done.session.id, CLIENT.address, (), Outcome.REFUSED)
    assert entry.detail == {"what": "api/admin/users"}


async def test_a_login_that_is_rolled_back_leaves_no_entry_of_success(place: Place) -> None:
    await place.user()
    means = place.meanwhile(lambda: change_account_of(place, UserStatus.SUSPENDED))
    await refused(UserSuspended, lambda: login(means, "ann@example.com", PASSWORD, client=CLIENT))
    assert place.audit("login.succeeded") == []
    assert only(place.audit("login.failed")).detail == {"reason": "suspended"}


async def change_account_of(place: Place, status: UserStatus) -> None:
    user = place.see(lambda tx: tx.users.by_email_key("ann@example.com"))
    assert user is not None
    await change_account(place.means, user.id, status=status, actor_id=None, client=CLIENT)
