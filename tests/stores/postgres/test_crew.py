"""Whoever asks PostgreSQL in a thread is answered in time, also where not even a connection comes about."""

import asyncio
import socket
import time
from urllib.parse import urlsplit, urlunsplit

import pytest

from coatcheck.errors import StoreUnavailable
from coatcheck.patience import Patience
from coatcheck.stores.postgres.connect import parameters
from coatcheck.stores.postgres.crew import Crew, Line, _Job
from tests.relay import Relay

PATIENCE = 0.3


def refused_after(url, *, done):
    crew = Crew("crew", parameters(url), most=1, patience=PATIENCE)
    began = time.monotonic()

    def work(line):
        line.ready()
        done.append("work")

    try:
        with pytest.raises(StoreUnavailable):
            asyncio.run(crew.run(work))
        return time.monotonic() - began
    finally:
        crew.stop(5)


def test_a_server_that_does_not_answer_is_given_up_while_connecting():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        took = refused_after(f"postgresql://x@127.0.0.1:{silent.getsockname()[1]}/x", done=[])
    assert took < 2, "connecting alone is given two seconds"


def test_what_was_given_up_while_connecting_is_not_done_later(postgres_url):
    done = []
    with Relay(urlsplit(postgres_url).port, delay=0.3) as relay:
        late = urlunsplit(urlsplit(postgres_url)._replace(netloc=f"postgres@127.0.0.1:{relay.port}"))
        refused_after(late, done=done)
    assert done == []


def test_what_came_too_late_for_one_serves_the_next(postgres_url):
    async def both():
        crew = Crew("crew", parameters(postgres_url), most=1, patience=10)
        try:
            await crew.run(lambda _: time.sleep(0.2), patience=0.05)
            return await crew.run(lambda line: line.ready().closed)
        finally:
            crew.stop(5)

    assert asyncio.run(both()) is False


def dawdle(tx):
    tx.users._connection.exec_driver_sql("SELECT pg_sleep(0.2)")


def test_several_questions_to_a_database_together_take_no_longer(postgres_store):
    async def asked():
        began = time.monotonic()
        with Patience(0.5):
            await postgres_store.read(dawdle)
            with pytest.raises(StoreUnavailable):
                await postgres_store.read(lambda tx: [dawdle(tx) for _ in range(10)])
            with pytest.raises(StoreUnavailable):
                await postgres_store.read(dawdle)
        took = time.monotonic() - began
        await postgres_store.read(lambda tx: tx.log.head())  # what was broken off is no trouble for the next
        return took

    assert asyncio.run(asked()) < 1.5, "each question alone would be given three seconds"


def test_what_is_over_is_told_as_it_was_however_late_it_is(postgres_url):
    """A commit that was answered at the last moment is not called undone."""

    async def late():
        job = _Job(lambda _: "committed", asyncio.get_running_loop(), 10)
        job.do(Line(parameters(postgres_url)))
        job._overdue()
        job.tell()
        return await job.future

    assert asyncio.run(late()) == "committed"


def test_what_was_given_up_while_it_waited_is_never_done():
    async def late():
        done = []
        job = _Job(lambda _: done.append("work"), asyncio.get_running_loop(), 10)
        job._overdue()
        job.do(Line("host=nowhere"))
        job.tell()
        with pytest.raises(StoreUnavailable):
            await job.future
        return done

    assert asyncio.run(late()) == []


def test_whose_caller_has_gone_away_is_broken_off_in_time_too(postgres_url):
    async def gone():
        crew = Crew("crew", parameters(postgres_url), most=1, patience=0.3)
        try:
            asking = asyncio.create_task(crew.run(lambda line: line.ready().exec_driver_sql("SELECT pg_sleep(60)")))
            await asyncio.sleep(0.1)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            return await crew.run(lambda line: line.ready().closed, patience=10)
        finally:
            crew.stop(5)

    assert asyncio.run(gone()) is False
