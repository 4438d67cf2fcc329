"""Listening for other processes heals by itself; what it missed meanwhile is rung for once it listens again."""

import asyncio

import psycopg

from coatcheck.model.event import SessionEnded
from coatcheck.stores.open import store_for

LISTENING = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"


async def listeners(url, but=frozenset()):
    """The backends that listen, once there is one that is not among ``but``."""
    async with asyncio.timeout(20):
        while True:
            with psycopg.connect(url, autocommit=True) as looking:
                found = {pid for (pid,) in looking.execute(LISTENING)}
            if found - but:
                return found
            await asyncio.sleep(0.05)


def test_a_listening_connection_that_is_ended_comes_back_and_rings_for_what_it_missed(postgres_url):
    async def story():
        store, twin, rung = store_for(postgres_url), store_for(postgres_url), asyncio.Event()
        await store.open()
        await twin.open()
        try:
            stop = store.watch(rung.set)
            before = await listeners(postgres_url)
            await asyncio.wait_for(rung.wait(), 10)
            rung.clear()
            with psycopg.connect(postgres_url, autocommit=True) as ending:
                ending.execute(f"SELECT pg_terminate_backend(pid) FROM ({LISTENING}) AS listening")
            await twin.commit(lambda tx: tx.log.append(SessionEnded("ses_missed")))
            await asyncio.wait_for(rung.wait(), 10)
            await listeners(postgres_url, but=before)
            rung.clear()
            await twin.commit(lambda tx: tx.log.append(SessionEnded("ses_heard")))
            await asyncio.wait_for(rung.wait(), 10)
            stop()
        finally:
            await store.close()
            await twin.close()

    asyncio.run(story())
