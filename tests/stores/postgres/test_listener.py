"""Listening for other processes heals by itself; what it missed meanwhile is rung for once it listens again."""

import asyncio
import socket
import threading
import time

import psycopg
import pytest

from coatcheck.model.event import SessionEnded
from coatcheck.model.position import Epoch
from coatcheck.stores.open import store_for
from coatcheck.stores.postgres.connect import parameters, raw_connection
from coatcheck.stores.postgres.listener import Listener
from coatcheck.stores.postgres.notification import Notifications

MUTE = Notifications(None, Epoch(1, "0"))
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


def threads():
    return {thread for thread in threading.enumerate() if thread.name == "coatcheck listener"}


@pytest.mark.anyio
async def test_to_stop_does_not_wait_for_a_server_that_is_silent(monkeypatch):
    monkeypatch.setattr("coatcheck.stores.postgres.listener._STOP_PATIENCE", 60)
    before = threads()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        url = f"postgresql://x@127.0.0.1:{silent.getsockname()[1]}/x?sslmode=disable&connect_timeout=100"
        listener = Listener(parameters(url), lambda _: None, MUTE)
        (came, _) = await asyncio.to_thread(silent.accept)
        with came:
            began = time.monotonic()
            listener.stop()
            assert time.monotonic() - began < 30
            (connecting,) = threads() - before
    await asyncio.to_thread(connecting.join, 60)
    assert not connecting.is_alive()


@pytest.mark.anyio
async def test_what_was_still_connecting_when_it_was_stopped_is_in_nobodys_way(postgres_url, monkeypatch):
    goes_on, is_connecting, begun = threading.Event(), threading.Event(), []

    def connect(given):
        begun.append(given)
        if len(begun) == 1:
            is_connecting.set()
            assert goes_on.wait(60)
        return raw_connection(given)

    monkeypatch.setattr("coatcheck.stores.postgres.listener.raw_connection", connect)
    before, rung = threads(), asyncio.Event()
    listener = Listener(parameters(postgres_url), lambda _: rung.set(), MUTE)
    assert await asyncio.to_thread(is_connecting.wait, 60)
    (first,) = threads() - before
    listener.stop()
    listener.start()
    await asyncio.wait_for(rung.wait(), 60)
    await listeners(postgres_url)
    goes_on.set()
    await asyncio.to_thread(first.join, 60)
    rung.clear()
    with psycopg.connect(postgres_url, autocommit=True) as ringing:
        ringing.execute("NOTIFY coatcheck")
    await asyncio.wait_for(rung.wait(), 60)
    assert len(await listeners(postgres_url)) == 1
    listener.stop()
    assert threads() == before


def test_before_a_fork_it_is_waited_for(monkeypatch):
    """A connection must not be made in the middle of one."""
    goes_on, is_connecting = threading.Event(), threading.Event()

    def connect(_):
        is_connecting.set()
        assert goes_on.wait(60)
        raise psycopg.OperationalError

    async def stopped():
        listener = Listener("", lambda _: None, MUTE)
        assert await asyncio.to_thread(is_connecting.wait, 60)
        threading.Timer(0.2, goes_on.set).start()
        listener.stop(60)

    monkeypatch.setattr("coatcheck.stores.postgres.listener.raw_connection", connect)
    before = threads()
    asyncio.run(stopped())
    assert threads() <= before
