"""Looking up credentials over the event loop's own connections: in turn, in time, and with nothing left behind."""

import asyncio
import time
from contextlib import asynccontextmanager

import psycopg
import pytest
from psycopg import waiting

from coatcheck.authority import LookUp
from coatcheck.errors import StoreUnavailable
from coatcheck.model.session import Ending
from coatcheck.patience import Patience
from coatcheck.stores.open import store_for
from coatcheck.stores.postgres.store import LOOK_UPS
from coatcheck.testing.contracts.driving import NOW, a_session, a_user

OURS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


@asynccontextmanager
async def opened(url):
    """A store with one login; the store, and the question that finds it."""
    store, user = store_for(url), a_user()
    await store.open()
    try:
        session = a_session(user.id)
        await store.write(lambda tx: (tx.users.add(user), tx.sessions.add(session)))
        yield store, LookUp(digest=session.secret_digest)
    finally:
        await store.close()


async def until(url, question, wanted):
    """Return when PostgreSQL's answer is ``wanted``."""
    async with asyncio.timeout(10):
        with psycopg.connect(url, autocommit=True) as looking:
            while looking.execute(question).fetchone() != (wanted,):  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)


async def finds(store, asked):
    return (await store.look_up(asked)).record is not None


def hold(postgres_url):
    """Whoever looks a credential up has to wait."""
    holding = psycopg.connect(postgres_url)
    holding.execute("LOCK TABLE coatcheck_sessions IN ACCESS EXCLUSIVE MODE")
    return holding


@pytest.mark.anyio
async def test_what_is_said_is_what_a_transaction_would_say(postgres_url):
    async with opened(postgres_url) as (store, asked):
        ended = a_session("usr_nobody")
        await store.write(lambda tx: tx.sessions.add(ended))
        await store.write(lambda tx: tx.sessions.end(ended.id, NOW, Ending.LOGOUT))
        for question in (
            asked,
            LookUp(digest=b"unknown"),
            LookUp(session_id=ended.id),
            LookUp(digest=asked.digest, kid="key_x"),
            LookUp(kid="key_x"),
            LookUp(),
        ):
            told = await store.read(lambda tx, question=question: tx.sessions.look_up(question))
            assert await store.look_up(question) == told


@pytest.mark.anyio
async def test_many_at_once_share_a_few_connections(postgres_url):
    async with opened(postgres_url) as (store, asked):
        with psycopg.connect(postgres_url, autocommit=True) as looking:
            ((before,),) = looking.execute(OURS)
            assert all(await asyncio.gather(*(finds(store, asked) for _ in range(100))))
            ((after,),) = looking.execute(OURS)
        assert after - before == LOOK_UPS


@pytest.mark.anyio
async def test_whoever_waits_for_a_hung_database_is_told_in_time_and_the_next_are_answered(postgres_url):
    async with opened(postgres_url) as (store, asked):
        assert await finds(store, asked)
        with hold(postgres_url):
            began = time.monotonic()
            with Patience(0.3), pytest.raises(StoreUnavailable):
                await finds(store, asked)
            took = time.monotonic() - began
        assert took < 2.5, "the store itself would wait for three seconds"
        assert await finds(store, asked)


@pytest.mark.anyio
async def test_whoever_waits_keeps_the_event_loop_no_busier(postgres_url):
    async with opened(postgres_url) as (store, asked):
        assert await finds(store, asked)
        with hold(postgres_url), Patience(0.6):
            used = time.process_time()
            with pytest.raises(StoreUnavailable):
                await finds(store, asked)
            used = time.process_time() - used
        assert used < 0.3, "the processor was at work for most of the time"


@pytest.mark.anyio
async def test_with_all_connections_taken_those_who_wait_are_told_in_time(postgres_url):
    async with opened(postgres_url) as (store, asked):
        with hold(postgres_url):
            busy = [asyncio.create_task(finds(store, asked)) for _ in range(LOOK_UPS)]
            await until(postgres_url, f"{OURS} AND wait_event_type = 'Lock'", LOOK_UPS)
            with Patience(0.2), pytest.raises(StoreUnavailable):
                await finds(store, asked)
            await until(postgres_url, f"{OURS} AND wait_event_type = 'Lock'", LOOK_UPS)
            for task in busy:
                task.cancel()
            await asyncio.gather(*busy, return_exceptions=True)
        assert all(await asyncio.gather(*(finds(store, asked) for _ in range(2 * LOOK_UPS)))), "all are free"


@pytest.mark.anyio
async def test_whoever_goes_away_leaves_nothing_behind(postgres_url):
    async with opened(postgres_url) as (store, asked):
        with hold(postgres_url):
            for _ in range(3 * LOOK_UPS):
                asking = asyncio.create_task(finds(store, asked))
                await asyncio.sleep(0.02)
                asking.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await asking
        assert await finds(store, asked)


@pytest.mark.anyio
async def test_a_connection_that_the_server_closed_is_replaced(postgres_url):
    async with opened(postgres_url) as (store, asked):
        assert await finds(store, asked)
        with psycopg.connect(postgres_url, autocommit=True) as looking:
            theirs = OURS.replace("count(*)", "pg_terminate_backend(pid)")
            assert looking.execute(theirs).fetchall()
        await until(postgres_url, OURS, 0)
        assert await finds(store, asked)


@pytest.mark.anyio
async def test_the_oldest_driver_that_is_allowed_will_do(postgres_url, monkeypatch):
    """psycopg 3.2 waits without a limit of time."""
    newer = waiting.wait_async

    async def of_3_2(gen, fileno, interval=0.0):
        return await newer(gen, fileno, interval)

    async def wait(self, gen, interval=0.1):
        raise AssertionError("ours is to be used")

    monkeypatch.setattr(waiting, "wait_async", of_3_2)
    monkeypatch.setattr(psycopg.AsyncConnection, "wait", wait)
    async with opened(postgres_url) as (store, asked):
        assert await finds(store, asked)


def test_on_another_event_loop_than_that_of_opening_it_is_asked_all_the_same(postgres_url):
    async def filled():
        async with opened(postgres_url) as (_, asked):
            return asked

    asked = asyncio.run(filled())
    store = store_for(postgres_url)
    asyncio.run(store.open())
    try:
        assert asyncio.run(finds(store, asked))
    finally:
        asyncio.run(store.close())
