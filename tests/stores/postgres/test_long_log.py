"""A log that is long, read from far away: a server that starts gets its snapshot, and holds up nobody meanwhile."""

import asyncio
import time
from datetime import UTC, datetime
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from coatcheck import Auth, Settings
from coatcheck.authority import Delta, Question, Snapshot
from coatcheck.errors import StoreUnavailable
from coatcheck.model.identifiers import new_identifier
from coatcheck.stores.authority import StoreAuthority
from coatcheck.stores.open import store_for
from coatcheck.testing import fast_passwords
from tests.relay import Relay
from tests.serving import SECRET

EVENTS = 60_000
DELAY = 0.04
"""Seconds for each way."""

ENDED = f'{{"kind":"session_ended","session_id":"{new_identifier("ses")[:-10]}%saa"}}'
"""With eight of the characters that identifiers are made of."""

_FILL = """
INSERT INTO coatcheck_events (seq, event_id, happening)
SELECT n, 'evt_' || n, format(%(ended)s, lpad(translate(to_hex(n), '0189', 'ghij'), 8, 'k'))
FROM generate_series((SELECT seq FROM coatcheck_head) + 1, %(many)s) AS n
"""
_OURS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'coatcheck'"
_POINT = "UPDATE coatcheck_head SET seq = %(many)s, event_id = 'evt_' || %(many)s"


@pytest.fixture
def far(postgres_url):
    """A database with many events, behind a slow wire; as it is opened by a server first."""

    async def make():
        async with Auth(Settings(database=postgres_url, secrets=(SECRET,), passwords=fast_passwords())):
            pass

    asyncio.run(make())
    with psycopg.connect(postgres_url) as raw:
        raw.execute(_FILL, {"many": EVENTS, "ended": ENDED})
        raw.execute(_POINT, {"many": EVENTS})
    parts = urlsplit(postgres_url)
    with Relay(parts.port, delay=DELAY) as relay:
        yield urlunsplit(parts._replace(netloc=f"postgres@127.0.0.1:{relay.port}"))


def test_a_server_starts_over_it(far):
    async def start():
        async with Auth(Settings(database=far, secrets=(SECRET,), passwords=fast_passwords())) as auth:
            running, gives_up = auth._running, time.monotonic() + 60
            while not running.subscriber.lease.holds(running._clock.steady(), running._clock.wall()):
                assert time.monotonic() < gives_up
                await asyncio.sleep(0.05)
            return len(running.replica)

    assert asyncio.run(start()) > EVENTS * 0.9


def test_who_has_a_position_is_answered_beside_it(far):
    async def ask():
        store = store_for(far)
        await store.open()
        try:
            authority = StoreAuthority(store, lambda: datetime.now(UTC))
            numbers = [await authority.register(name, None) for name in ("new", "known")]
            head = await store.read(lambda tx: tx.log.head())
            known = Question(registration=numbers[1], applied=head.position, event_id=head.event_id)
            late = asyncio.create_task(authority.sync(Question(registration=numbers[0])))
            answered = 0
            while not late.done():
                answered += isinstance(await authority.sync(known), Delta)
            return answered, await late
        finally:
            await store.close()

    answered, told = asyncio.run(ask())
    assert isinstance(told, Snapshot)
    assert len(told.ended) > EVENTS * 0.9
    assert answered >= 2


def test_what_takes_long_has_a_minute_and_a_connection_for_as_long(postgres_store, postgres_url):
    def dawdle(tx):
        return tx.users._connection.exec_driver_sql("SELECT pg_sleep(3.2)").rowcount

    async def read():
        beside = [postgres_store.read(lambda tx: tx.log.head()) for _ in range(9)]
        return await asyncio.gather(postgres_store.read(dawdle, takes_long=True), *beside)

    assert asyncio.run(read())[0] == 1
    with psycopg.connect(postgres_url) as raw:
        ((connections,),) = raw.execute(_OURS).fetchall()
    assert connections <= 4, "the opener's is closed, a writer's and two readers' are not"


@pytest.mark.parametrize("end", ["fork", "stop"])
def test_neither_a_fork_nor_a_stop_waits_for_it(far, end):
    async def read():
        store = store_for(far)
        await store.open()
        task = asyncio.create_task(store.read(lambda tx: tx.log.snapshot(EVENTS), takes_long=True))
        await asyncio.sleep(0.3)
        assert not task.done()
        began = time.monotonic()
        if end == "fork":
            assert await asyncio.to_thread(store.park, 10.0)
            store.unpark()
        else:
            await store.close()
        took = time.monotonic() - began
        with pytest.raises(StoreUnavailable):
            await task
        await store.close()
        return took

    assert asyncio.run(read()) < 2
