"""Two transactions meet at READ COMMITTED, in the one order in which it could go wrong."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import psycopg
import pytest
from msgspec import structs

from coatcheck.errors import DataConflict, RequestNotFound, StoreUnavailable
from coatcheck.flows.parts.account import locked_account, require_another_administrator
from coatcheck.flows.parts.prove_password import current_user
from coatcheck.flows.parts.registered_service import locked_service
from coatcheck.model.identifiers import REGISTRATION, new_identifier
from coatcheck.model.key import KeyStatus
from coatcheck.model.position import Epoch, Position
from coatcheck.model.session import Ending
from coatcheck.model.user import ADMINISTRATOR, UserStatus
from coatcheck.sessions.change import change_user
from coatcheck.sessions.end import end_everything, end_session, end_sessions_of, lock_people
from coatcheck.sessions.grant import grant_again
from coatcheck.sessions.open import open_session
from coatcheck.settings import SessionSettings, Settings
from coatcheck.testing.contracts.driving import NOW, SECOND, a_registration, a_service, a_session, a_user
from coatcheck.tokens.derivation import Secrets
from coatcheck.upkeep.rotation import revoke_signing_key, rotate_keys
from tests.stores.postgres.side_by_side import two_sides, wait_until_waiting

HOUR = timedelta(hours=1)


@pytest.fixture
def store(postgres_store):
    return postgres_store


@pytest.fixture
def write(store):
    return lambda work: asyncio.run(store.write(work))


@pytest.fixture
def read(store):
    return lambda work: asyncio.run(store.read(work))


@pytest.fixture
def sides(store, postgres_url):
    with two_sides(postgres_url) as both:
        yield both


def test_two_administrators_who_demote_each_other_leave_one(write, read, sides, postgres_url):
    ann, ben = people = [a_user(roles=(ADMINISTRATOR,)), a_user(roles=(ADMINISTRATOR,))]
    write(lambda tx: [tx.users.add(each) for each in people])
    first, second = sides

    def demote(tx, user):
        after = structs.replace(user, roles=())
        require_another_administrator(tx, user, after)
        assert change_user(tx, after, kind="user.roles_changed", at=NOW, actor_id=None)

    first.do(lambda tx: tx.users.lock(ann.id))
    second.do(lambda tx: tx.users.lock(ben.id))
    first.do(lambda tx: demote(tx, ann))
    waiting = second.start(lambda tx: demote(tx, ben))
    wait_until_waiting(postgres_url, second)
    first.commit()
    with pytest.raises(DataConflict):
        waiting.result(10)
    second.close()
    assert read(lambda tx: tx.users.count_with_role(ADMINISTRATOR)) == 1


def test_a_key_that_is_revoked_while_it_takes_over_leaves_one_that_signs(write, read, sides, postgres_url):
    """Else the old one has retired, the new one is gone, and nobody can log in for as long as a key must be known."""
    settings, secrets = Settings(secrets=("a-secret-for-this-test-only-0123456789",)), Secrets(["s" * 32])
    write(lambda tx: rotate_keys(tx, secrets, settings, now=lambda: NOW))
    upcoming = next(key for key in read(lambda tx: tx.keys.all()) if key.status is KeyStatus.UPCOMING)
    first, second = sides
    later = NOW + HOUR
    first.do(
        lambda tx: revoke_signing_key(
            tx, secrets, settings, upcoming.kid, now=lambda: later, actor_id=None, reason="leaked"
        )
    )
    waiting = second.start(lambda tx: rotate_keys(tx, secrets, settings, now=lambda: later, at_once=True))
    wait_until_waiting(postgres_url, second)
    first.commit()
    waiting.result(10)
    second.commit()
    assert sorted(key.status for key in read(lambda tx: tx.keys.all())) == ["current", "upcoming"]


def test_several_servers_make_one_first_key(sides, postgres_url, read):
    settings, secrets = Settings(secrets=("a-secret-for-this-test-only-0123456789",)), Secrets(["s" * 32])
    first, second = sides
    first.do(lambda tx: rotate_keys(tx, secrets, settings, now=lambda: NOW))
    waiting = second.start(lambda tx: rotate_keys(tx, secrets, settings, now=lambda: NOW))
    wait_until_waiting(postgres_url, second)
    first.commit()
    waiting.result(10)
    second.commit()
    assert sorted(key.status for key in read(lambda tx: tx.keys.all())) == ["current", "upcoming"]


def test_two_logins_that_replace_each_others_wait_in_one_order(write, sides, postgres_url):
    people = [a_user(), a_user()]
    logins = [a_session(user.id) for user in people]
    write(lambda tx: [*map(tx.users.add, people), *map(tx.sessions.add, logins)])
    (ann, ben), (of_ann, of_ben) = people, logins
    first, second = sides

    def log_in(tx, user, replaced):
        lock_people(tx, user.id, replaced.id)
        tx.attempts.take("address:192.0.2.1", NOW, HOUR)
        assert end_session(tx, replaced.id, at=NOW, ending=Ending.LOGOUT, actor_id=user.id)

    first.do(lambda tx: log_in(tx, ann, of_ben))
    waiting = second.start(lambda tx: log_in(tx, ben, of_ann))
    wait_until_waiting(postgres_url, second)
    first.commit()
    waiting.result(10)
    second.commit()


def test_touches_wait_for_nobody_and_say_whom_they_left_out(write, read, sides):
    sessions = sorted((a_session("usr_x") for _ in range(3)), key=lambda each: each.id)
    write(lambda tx: [tx.sessions.add(each) for each in sessions])
    held, free, ended = sessions
    first, second = sides
    first.do(lambda tx: tx.sessions.lock(held.id))
    write(lambda tx: tx.sessions.end(ended.id, NOW, Ending.LOGOUT))
    left = second.do(lambda tx: tx.sessions.touch({each.id: NOW + SECOND for each in sessions}))
    second.commit()
    assert set(left) == {held.id}
    first.commit()
    assert [read(lambda tx, key=each.id: tx.sessions.get(key)).seen_at for each in sessions] == [
        NOW,
        NOW + SECOND,
        NOW,
    ]
    assert not write(lambda tx: tx.sessions.touch({held.id: NOW + SECOND, free.id: NOW}))


def test_purging_waits_for_nobody(write, read, sides):
    sessions = [a_session("usr_x", expires_at=NOW - HOUR) for _ in range(2)]
    entries = {"old": NOW - 2 * HOUR, "older": NOW - 2 * HOUR}
    write(lambda tx: [tx.sessions.add(each) for each in sessions])
    write(lambda tx: [tx.attempts.take(key, at, HOUR) for key, at in entries.items()])
    first, second = sides
    first.do(lambda tx: tx.sessions.end(sessions[0].id, NOW, Ending.LOGOUT))
    first.do(lambda tx: tx.attempts.take("old", NOW, HOUR))
    gone = second.do(
        lambda tx: (
            tx.sessions.purge(ended_before=NOW - HOUR, expired_before=NOW, limit=9),
            tx.attempts.purge(NOW, 9),
        )
    )
    assert gone == (1, 1)
    second.commit()
    first.commit()
    assert read(lambda tx: tx.attempts.peek("old", NOW)) is not None, "a count that was just begun is lost"


def test_purging_leaves_a_window_that_was_begun_anew(write, read, sides, postgres_url):
    write(lambda tx: tx.attempts.take("key", NOW - 2 * HOUR, HOUR))
    first, second = sides
    first.do(lambda tx: tx.attempts.take("key", NOW, HOUR))
    assert second.do(lambda tx: tx.attempts.purge(NOW, 9)) == 0
    first.commit()
    second.commit()
    assert read(lambda tx: tx.attempts.peek("key", NOW)) == (1, NOW + HOUR)


def test_subscribers_are_cleared_away_in_one_order(store, sides, postgres_url):
    rows = sorted((a_registration(Position(Epoch.parse("1-a"), 0)) for _ in range(3)), key=lambda row: row.number)
    asyncio.run(store.write_registry(lambda registry: [registry.add(row) for row in reversed(rows)]))
    first, second = sides
    numbers = [row.number for row in rows]
    assert first.do(lambda _: first.registry.mark_lapsed(numbers[0], NOW))
    waiting = second.start(lambda _: second.registry.remove([*reversed(numbers), new_identifier(REGISTRATION)]))
    wait_until_waiting(postgres_url, second)
    assert first.do(lambda _: first.registry.mark_lapsed(numbers[2], NOW)), "the other one holds the last already"
    first.commit()
    assert waiting.result(10) == 3
    second.commit()


# What rules 12 and 13 ask for, between two statements of the other side.


@pytest.fixture
def ann(write):
    user = a_user()
    write(lambda tx: tx.users.add(user))
    return user


def opens(user, **more):
    """A login whose password was proven before."""

    def work(tx):
        held = current_user(tx, user.id, user.password_hash)
        return held and open_session(tx, a_session(user.id), held, tx.log.head().position, **more)

    return work


def test_a_login_that_waits_for_a_password_change_is_refused(ann, sides, postgres_url):
    first, second = sides
    first.do(lambda tx: tx.users.lock(ann.id))
    waiting = second.start(opens(ann))
    wait_until_waiting(postgres_url, second)
    changed = structs.replace(ann, password_hash="another")
    first.do(lambda tx: change_user(tx, changed, kind="password.changed", at=NOW, actor_id=None))
    first.commit()
    assert waiting.result(10) is None


def test_a_login_that_waits_for_the_accounts_end_is_refused(ann, sides, postgres_url):
    first, second = sides
    first.do(lambda tx: (tx.users.lock(ann.id), tx.users.remove(ann.id)))
    waiting = second.start(opens(ann))
    wait_until_waiting(postgres_url, second)
    first.commit()
    assert waiting.result(10) is None


def test_a_login_that_waits_for_another_makes_room_for_both(ann, sides, postgres_url, read):
    limits = SessionSettings(at_most=1)
    first, second = sides
    first.do(opens(ann, limits=limits))
    waiting = second.start(opens(ann, limits=limits))
    wait_until_waiting(postgres_url, second)
    first.commit()
    granted = waiting.result(10)
    second.commit()
    assert [each.id for each in read(lambda tx: tx.sessions.live_of(ann.id))] == [granted.session.id]


def test_whoever_ends_all_logins_ends_the_one_that_is_just_beginning(ann, sides, postgres_url, read):
    first, second = sides
    first.do(opens(ann))
    waiting = second.start(lambda tx: end_sessions_of(tx, ann.id, at=NOW, ending=Ending.LOGOUT, actor_id=None))
    wait_until_waiting(postgres_url, second)
    first.commit()
    assert waiting.result(10) == 1
    second.commit()
    assert read(lambda tx: tx.sessions.live_of(ann.id)) == []


def test_a_token_that_waits_for_a_change_of_roles_has_the_new_ones(ann, write, sides, postgres_url):
    session = a_session(ann.id)
    write(lambda tx: tx.sessions.add(session))
    first, second = sides
    first.do(lambda tx: tx.users.lock(ann.id))
    waiting = second.start(lambda tx: grant_again(tx, session.id, session.generation, NOW))
    wait_until_waiting(postgres_url, second)
    changed = structs.replace(ann, roles=("editor",))
    first.do(lambda tx: change_user(tx, changed, kind="user.roles_changed", at=NOW, actor_id=None))
    first.commit()
    granted = waiting.result(10)
    assert (granted.user.roles, granted.user.version) == (("editor",), ann.version + 1)
    assert granted.position.seq == 1


@pytest.mark.parametrize("status", [UserStatus.SUSPENDED])
def test_a_token_that_waits_for_a_suspension_is_not_issued(ann, write, sides, postgres_url, status):
    session = a_session(ann.id)
    write(lambda tx: tx.sessions.add(session))
    first, second = sides
    first.do(lambda tx: tx.users.lock(ann.id))
    waiting = second.start(lambda tx: grant_again(tx, session.id, session.generation, NOW))
    wait_until_waiting(postgres_url, second)
    suspended = structs.replace(ann, status=status)
    first.do(lambda tx: change_user(tx, suspended, kind="user.suspended", at=NOW, actor_id=None))
    first.commit()
    assert waiting.result(10) is None


def test_whatever_is_issued_while_everything_ends_is_of_the_generation_that_ended(ann, write, sides):
    """No lock is waited for: the token carries its session's own generation, and is refused for it."""
    session = a_session(ann.id)
    write(lambda tx: tx.sessions.add(session))
    first, second = sides
    first.do(lambda tx: end_everything(tx, at=NOW, reason="test", actor_id=None, spare_feeds=True))
    granted = second.do(lambda tx: grant_again(tx, session.id, session.generation, NOW))
    opened = second.do(opens(ann))
    first.commit()
    second.commit()
    assert granted.session.everything_generation == 1
    assert opened.session.everything_generation == 1
    assert granted.position.seq == 0


def test_an_api_key_that_waits_for_a_suspension_sees_it(ann, sides, postgres_url):
    first, second = sides
    first.do(lambda tx: tx.users.lock(ann.id))
    waiting = second.start(lambda tx: locked_account(tx, ann.id).status)
    wait_until_waiting(postgres_url, second)
    suspended = structs.replace(ann, status=UserStatus.SUSPENDED)
    first.do(lambda tx: change_user(tx, suspended, kind="user.suspended", at=NOW, actor_id=None))
    first.commit()
    assert waiting.result(10) is UserStatus.SUSPENDED


def test_a_credential_that_waits_for_the_services_end_finds_none(write, sides, postgres_url):
    service = a_service()
    write(lambda tx: tx.services.add(service))
    first, second = sides
    first.do(lambda tx: (tx.services.lock(service.id), tx.services.remove(service.id)))
    waiting = second.start(lambda tx: locked_service(tx, service.id))
    wait_until_waiting(postgres_url, second)
    first.commit()
    with pytest.raises(RequestNotFound):
        waiting.result(10)


def test_of_two_who_end_everything_one_does(sides, postgres_url):
    first, second = sides
    first.do(lambda tx: end_everything(tx, at=NOW, reason="test", actor_id=None, spare_feeds=True))
    waiting = second.start(lambda tx: end_everything(tx, at=NOW, reason="test", actor_id=None, spare_feeds=True))
    wait_until_waiting(postgres_url, second)
    first.commit()
    with pytest.raises(DataConflict):
        waiting.result(10)


def test_a_transaction_that_has_failed_is_not_called_committed(sides):
    first, _ = sides
    first.do(lambda tx: tx.users.add(a_user()))
    with suppress(psycopg.Error):
        first.raw.execute("SELECT 1 / 0")
    with pytest.raises(StoreUnavailable):
        first.commit()
