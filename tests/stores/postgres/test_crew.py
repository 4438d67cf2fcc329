"""Whoever asks PostgreSQL in a thread is answered in time, also where not even a connection comes about."""

import asyncio
import socket
import time
from urllib.parse import urlsplit, urlunsplit

import pytest

from coatcheck.errors import StoreUnavailable
from coatcheck.stores.postgres.connect import parameters
from coatcheck.stores.postgres.crew import Crew
from tests.redis.relay import Relay

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
    assert took < 1.5, "connecting alone is given two seconds"


def test_what_was_given_up_while_connecting_is_not_done_later(postgres_url):
    done = []
    with Relay(urlsplit(postgres_url).port, delay=0.3) as relay:
        late = urlunsplit(urlsplit(postgres_url)._replace(netloc=f"postgres@127.0.0.1:{relay.port}"))
        assert refused_after(late, done=done) < 1.5
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
