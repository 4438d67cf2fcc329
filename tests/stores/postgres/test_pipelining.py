"""What nobody waits for travels with the next question: nothing of it is lost, late, or believed when it failed."""

import asyncio
import threading

import psycopg
import pytest
from sqlalchemy import text

from coatcheck.errors import DataConflict
from coatcheck.model.event import SessionEnded
from coatcheck.stores.postgres.connect import connect, driver, over, parameters, raw_connection
from coatcheck.stores.postgres.pipelining import PipelinedConnection
from coatcheck.stores.sql.driver_statement import DriverStatement
from coatcheck.testing.contracts.driving import a_session, a_user


@pytest.fixture
def connection(postgres_url):
    with raw_connection(parameters(postgres_url)) as raw:
        raw.execute("CREATE TABLE kept (number int PRIMARY KEY)")
        yield raw


def kept(connection):
    return [number for (number,) in connection.execute("SELECT number FROM kept ORDER BY number")]


def test_the_next_question_finds_done_what_was_left_before_it(connection):
    for number in (1, 2):
        connection.defer("INSERT INTO kept VALUES (%s)", [number])
    assert kept(connection) == [1, 2]


def test_a_question_that_fails_with_what_it_took_along_raises_its_error(connection):
    connection.defer("BEGIN")
    connection.defer("INSERT INTO kept VALUES (1)")
    connection.defer("INSERT INTO kept VALUES (1)")
    with pytest.raises(Exception, match="kept_pkey"):
        connection.execute("SELECT 1")
    connection.execute("ROLLBACK")
    assert kept(connection) == []


def test_many_rows_take_it_along_too(connection):
    connection.defer("INSERT INTO kept VALUES (1)")
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO kept VALUES (%s)", [(2,), (3,)])
    assert kept(connection) == [1, 2, 3]


def test_a_cursor_at_the_server_is_within_what_was_begun_for_it(connection):
    connection.defer("BEGIN")
    connection.defer("INSERT INTO kept VALUES (1)")
    with connection.cursor("at_the_server") as cursor:
        assert cursor.execute("SELECT number FROM kept").fetchall() == [(1,)]


def test_what_is_not_to_be_is_never_sent(connection):
    connection.defer("INSERT INTO kept VALUES (1)")
    connection.discard_deferred()
    assert kept(connection) == []


def test_what_sqlalchemy_asks_takes_it_along_too(connection):
    with over(connection) as above:
        DriverStatement(text("INSERT INTO kept VALUES (:number)")).defer(above, {"number": 7})
        assert connection.has_deferred
        assert above.execute(text("SELECT number FROM kept")).scalars().all() == [7]
        assert not connection.has_deferred


def test_a_unit_of_work_fails_with_what_nobody_waited_for(postgres_store):
    user = a_user()
    session = a_session(user.id)
    asyncio.run(postgres_store.write(lambda tx: (tx.users.add(user), tx.sessions.add(session))))
    with pytest.raises(DataConflict):
        asyncio.run(postgres_store.write(lambda tx: (tx.users.remove(user.id), tx.sessions.add(session))))
    there = asyncio.run(postgres_store.read(lambda tx: (tx.users.get(user.id), tx.sessions.get(session.id))))
    assert there == (user, session), "nothing of it was kept"


def test_a_unit_of_work_that_raises_before_its_first_question_leaves_nothing(postgres_store):
    session = a_session("usr_x")

    def work(tx):
        tx.sessions.add(session)
        raise LookupError

    for _ in range(10):
        with pytest.raises(LookupError):
            asyncio.run(postgres_store.write(work))
    assert asyncio.run(postgres_store.read(lambda tx: tx.sessions.get(session.id))) is None


def test_who_is_stopped_before_its_commit_has_left_holds_up_nobody(postgres_store, postgres_url, monkeypatch):
    """What enters the log and locks its head leaves together with COMMIT, or not at all."""
    is_stopped, goes_on = threading.Event(), threading.Event()

    def execute(self, query, *given, **how):
        if query == "COMMIT":
            is_stopped.set()
            goes_on.wait(10)
        return psycopg.Connection.execute(self, query, *given, **how)

    async def write():
        monkeypatch.setattr(PipelinedConnection, "execute", execute)
        writing = asyncio.create_task(postgres_store.commit(lambda tx: tx.log.append(SessionEnded("ses_x"))))
        assert await asyncio.to_thread(is_stopped.wait, 10)
        with psycopg.connect(postgres_url) as other:
            ((seq,),) = other.execute("SELECT seq FROM coatcheck_head FOR UPDATE NOWAIT").fetchall()
        goes_on.set()
        (event,) = (await writing).events
        return event.seq - seq

    assert asyncio.run(write()) == 1


def test_a_flight_that_is_larger_than_a_buffer_arrives(connection):
    words = ["x" * 100_000] * 200
    with connection.pipeline():
        answers = [connection.execute("SELECT %s", [each]) for each in words]
    assert [answer.fetchone()[0] for answer in answers] == words


def test_the_server_notices_soon_that_we_are_gone(postgres_url):
    with connect(parameters(postgres_url)) as line:
        raw = driver(line)

        def setting(name):
            return raw.execute("SELECT current_setting(%s, true)", [name]).fetchone()[0]

        assert [setting(f"tcp_{name}") for name in ("keepalives_idle", "keepalives_interval", "user_timeout")] == [
            "5", "2", "5000"
        ]  # fmt: skip
        assert setting("transaction_timeout") == ("5s" if raw.info.server_version >= 170000 else None)
