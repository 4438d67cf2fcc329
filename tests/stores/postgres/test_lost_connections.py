"""A connection is lost in the middle of something: what is told is what it was lost by, and the next work goes on."""

import asyncio
from contextlib import suppress

import psycopg
import pytest
from psycopg.errors import AdminShutdown
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from coatcheck.errors import StoreUnavailable
from coatcheck.stores.postgres.connect import driver

END = "SELECT pg_terminate_backend(pg_backend_pid())"


class Refused(Exception):
    """What a rule says."""


def lose_it_by_sqlalchemy(tx):
    tx.log.head()  # it is not lost at the beginning
    tx.log._connection.execute(text(END))


def lose_it_by_the_driver(tx):
    tx.log.head()
    driver(tx.log._connection).execute(END)


def lose_it_unnoticed(tx):
    with suppress(psycopg.Error):
        lose_it_by_the_driver(tx)


def process_of(tx):
    return driver(tx.log._connection).info.backend_pid


@pytest.fixture(params=["write", "snapshot", "read"])
def do(request, postgres_store):
    """Does a unit of work, in one of the ways there are."""
    way = {
        "write": postgres_store.write,
        "snapshot": postgres_store.read,
        "read": lambda work: postgres_store.read(work, needs_snapshot=False),
    }[request.param]
    return lambda work: asyncio.run(way(work))


@pytest.mark.parametrize("lose", [lose_it_by_sqlalchemy, lose_it_by_the_driver])
def test_what_the_server_said_is_the_cause(do, lose):
    with pytest.raises(StoreUnavailable, match=AdminShutdown.sqlstate) as raised:
        do(lose)
    cause = raised.value.__cause__
    assert isinstance(cause.orig if isinstance(cause, DBAPIError) else cause, AdminShutdown)
    assert do(lambda tx: tx.log.head()).seq == 0


def test_a_refusal_is_told_as_it_is(do):
    def work(tx):
        lose_it_unnoticed(tx)
        raise Refused

    with pytest.raises(Refused):
        do(work)
    assert do(lambda tx: tx.log.head()).seq == 0


def test_what_was_read_before_is_told(postgres_store):
    def work(tx):
        found = tx.log.head()
        lose_it_unnoticed(tx)
        return found

    assert asyncio.run(postgres_store.read(work)).seq == 0
    assert asyncio.run(postgres_store.read(lambda tx: tx.log.head())).seq == 0


@pytest.mark.parametrize("way", ["write", "read"])
def test_a_connection_that_can_not_be_rolled_back_is_not_used_again(postgres_store, monkeypatch, way):
    """It may be in the middle of the transaction still."""
    processes = []

    def work(tx):
        tx.log.head()
        processes.append(process_of(tx))
        raise Refused

    monkeypatch.setattr("coatcheck.stores.postgres.store.roll_back", lambda _: False)
    for _ in range(2):
        with pytest.raises(Refused):
            asyncio.run(getattr(postgres_store, way)(work))
    assert len(set(processes)) == 2
