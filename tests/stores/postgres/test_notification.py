"""What PostgreSQL's notifications say is refused at once, and believed only as far as refusing goes."""

import asyncio

import psycopg
import pytest

from coatcheck.errors import CredentialRefused
from coatcheck.model.event import EverythingEnded, KeyAdded, SessionEnded, new_event_id
from coatcheck.model.position import first_epoch
from coatcheck.model.session import Carry
from coatcheck.stores.postgres.notification import Notifications
from coatcheck.testing import login_as
from coatcheck.tokens.derivation import Secrets
from tests.stores.postgres.seldom import SECRET, an_auth


async def until(true):
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - what is awaited is in another thread
            await asyncio.sleep(0.005)


EPOCH = first_epoch()
OURS = Notifications(Secrets([SECRET]), EPOCH)


def test_what_is_said_is_read():
    ids = [new_event_id(), new_event_id()]
    happenings = [SessionEnded("ses_x"), EverythingEnded(3)]
    news = OURS.read(f"{EPOCH} 8\n{OURS.words_for(ids, happenings, is_urgent=True)}")
    assert news.epoch == EPOCH
    assert news.is_urgent
    assert [(event.seq, event.id, event.happening) for event in news.events] == [
        (7, ids[0], happenings[0]),
        (8, ids[1], happenings[1]),
    ]


def test_a_long_list_is_a_bell_without_words():
    ids = [new_event_id() for _ in range(200)]
    assert OURS.words_for(ids, [SessionEnded(f"ses_{number}") for number in range(200)], is_urgent=False) == ""


@pytest.mark.parametrize(
    "payload", ["", "x", "\n", "1-a 5\n", "1-a 5\n{}", "1-a x\n[false,[],[]]", '1-a 5\n[false,["a"],[]]', "\n" * 99]
)
def test_what_can_not_be_read_is_a_bell_without_words(payload):
    assert OURS.read(payload) is None


def test_words_are_read_under_every_secret_that_is_ours_and_no_other():
    ids, ended = [new_event_id()], [SessionEnded("ses_x")]
    payload = f"{EPOCH} 8\n{OURS.words_for(ids, ended, is_urgent=False)}"
    after_a_change = Notifications(Secrets(["the next secret, longer than thirty-two characters", SECRET]), EPOCH)
    assert after_a_change.read(payload) == OURS.read(payload)
    assert OURS.read(payload) is not None
    assert Notifications(Secrets(["the next secret, longer than thirty-two characters"]), EPOCH).read(payload) is None
    assert OURS.read(payload.replace("ses_x", "ses_y")) is None
    assert Notifications(None, EPOCH).read(payload) is None
    assert Notifications(None, EPOCH).words_for(ids, ended, is_urgent=False) == ""


def test_words_of_another_history_than_the_places_are_a_bell_without_words():
    ids, ended, behind = [new_event_id()], [SessionEnded("ses_x")], Notifications(Secrets([SECRET]), first_epoch())
    assert behind.read(f"{EPOCH} 8\n{OURS.words_for(ids, ended, is_urgent=False)}") is not None
    assert OURS.read(f"{EPOCH} 8\n{behind.words_for(ids, ended, is_urgent=False)}") is None
    assert OURS.read(f"{EPOCH} 8\n{OURS.words_for(ids, ended, is_urgent=False).replace(str(EPOCH), '9-x')}") is None


def test_there_are_no_words_for_what_lets_somebody_in():
    happenings = [SessionEnded("ses_x"), KeyAdded("key_x", "ES256", "a key")]
    assert OURS.words_for([new_event_id(), new_event_id()], happenings, is_urgent=False) == ""


async def _check(auth, login):
    return await auth.check(login.headers["authorization"].removeprefix("Bearer "))


@pytest.mark.anyio
async def test_an_ending_is_refused_elsewhere_before_anybody_has_asked(postgres_url):
    async with an_auth(postgres_url, "here") as here, an_auth(postgres_url, "there") as there:
        login = await login_as(here, carry=Carry.HEADER)
        assert (await _check(there, login)).session_id == login.session.id
        replica = there._running.replica
        known, state = replica.position, replica.state
        await here.end_session(login.user.id, login.session.id)
        await until(lambda: replica.state > state)
        assert replica.position == known, "it was not told by a sync"
        with pytest.raises(CredentialRefused):
            await _check(there, login)
        receipt = await here.end_session(login.user.id, login.session.id, wait=True)
        assert {"here", "there"} <= set(receipt.confirmed)
        assert replica.position.seq > known.seq


@pytest.mark.anyio
async def test_the_first_who_commits_in_a_new_history_is_believed_from_the_second_time_on(postgres_url):
    async with an_auth(postgres_url, "here") as here, an_auth(postgres_url, "there") as there:
        begun = there._running.replica.position.epoch.successor()
        await here.store.write(lambda tx: tx.log.begin_epoch(begun))
        await until(lambda: there._running.replica.position.epoch == begun)
        replica = there._running.replica
        for is_first in (True, False):
            login = await login_as(here, carry=Carry.HEADER)
            assert (await _check(there, login)).session_id == login.session.id
            known, state = replica.position, replica.state
            await here.end_session(login.user.id, login.session.id)
            await until(lambda: replica.state > state)  # noqa: B023
            assert (replica.position == known) is not is_first, "the first time it had to ask"
            with pytest.raises(CredentialRefused):
                await _check(there, login)


@pytest.mark.anyio
async def test_what_anybody_shouts_lets_nobody_in_and_breaks_nothing(postgres_url):
    async with an_auth(postgres_url, "there") as there:
        login = await login_as(there, carry=Carry.HEADER)
        ended = await login_as(there, carry=Carry.HEADER)
        await there.end_session(ended.user.id, ended.session.id)
        strange = OURS.words_for([new_event_id()], [SessionEnded(login.session.id)], is_urgent=False)
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            for payload in ("", "nonsense", f"9-00000000 1\n{strange}", "1-x 99\n[true,[],[]]"):
                connection.execute("SELECT pg_notify('coatcheck', %s)", [payload])
        other = await login_as(there, carry=Carry.HEADER)
        await there.end_session(other.user.id, other.session.id, wait=True)
        assert (await _check(there, login)).session_id == login.session.id, "another epoch's news are not heeded"
        with pytest.raises(CredentialRefused):
            await _check(there, ended)
