"""Connecting may take longer than anybody waits, as past machines that are silent: it gets done all the same."""

import asyncio
import gc
import socket
import threading
import time
from contextlib import closing, contextmanager
from urllib.parse import urlsplit, urlunsplit

import pytest
from sqlalchemy import literal_column, select, text

from coatcheck.errors import StoreUnavailable
from coatcheck.patience import Patience
from coatcheck.stores.postgres import crew as crews
from coatcheck.stores.postgres.connect import compiled, connect, parameters
from coatcheck.stores.postgres.crew import Crew, Line
from coatcheck.stores.postgres.look_ups import LookUpConnections
from coatcheck.stores.sql.driver_statement import DriverStatement

PATIENCE = 1.0
"""Less than the two seconds that the driver waits for a machine that does not answer."""

ONE = compiled(DriverStatement(select(literal_column("1").label("one"))))
HANGS = 60


@contextmanager
def silence():
    """A listening socket that nobody answers at."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(HANGS)
        yield silent


def port_of(silent):
    return silent.getsockname()[1]


def behind(silent, url):
    """``url``, with a host before it that is silent."""
    parts = urlsplit(url)
    hosts = f"postgres@127.0.0.1:{port_of(silent)},127.0.0.1:{parts.port}"
    return parameters(urlunsplit(parts._replace(netloc=hosts)))


def never_ready(silent):
    return parameters(f"postgresql://x@127.0.0.1:{port_of(silent)}/x?sslmode=disable&connect_timeout={2 * HANGS}")


async def answered_in_the_end(ask):
    gives_up = time.monotonic() + HANGS
    while time.monotonic() < gives_up:
        try:
            return await ask()
        except StoreUnavailable:
            await asyncio.sleep(0.01)
    raise AssertionError("nobody is ever answered")


def test_in_a_thread_a_connection_that_came_too_late_is_for_the_next(postgres_url):
    async def asked(crew):
        with pytest.raises(StoreUnavailable):
            await crew.run(lambda line: line.ready())
        return await answered_in_the_end(lambda: crew.run(lambda line: line.ready().closed))

    with silence() as silent:
        crew = Crew("crew", behind(silent, postgres_url), most=1, patience=PATIENCE)
        try:
            assert asyncio.run(asked(crew)) is False
        finally:
            crew.stop(HANGS)


@pytest.fixture
def slow(monkeypatch):
    """Connecting goes on when it is told to; what was connected."""

    class Slow:
        begun, goes_on, made = threading.Event(), threading.Event(), []

    def slowly(*given):
        Slow.begun.set()
        assert Slow.goes_on.wait(HANGS)
        Slow.made.append(connect(*given))
        return Slow.made[-1]

    monkeypatch.setattr(crews, "connect", slowly)
    return Slow


def given_up_while_connecting(line, slow):
    fault = []

    def work():
        line.begin()
        try:
            line.ready()
        except StoreUnavailable as raised:
            fault.append(raised)

    thread = threading.Thread(target=work)
    thread.start()
    assert slow.begun.wait(HANGS)
    assert line.cut(), "nothing has begun"
    slow.goes_on.set()
    thread.join(HANGS)
    assert fault, "what was given up is not done later"


def test_what_is_given_up_while_connecting_breaks_nothing_off(slow, postgres_url):
    line = Line(parameters(postgres_url))
    given_up_while_connecting(line, slow)
    line.begin()
    assert [line.ready()] == slow.made
    assert line.ready().execute(text("SELECT 1")).scalar_one() == 1
    line.drop()


def test_what_is_broken_off_afterwards_is_not_used_again(slow, postgres_url):
    line = Line(parameters(postgres_url))
    given_up_while_connecting(line, slow)
    assert not line.cut()
    line.begin()
    line.ready()
    assert len(slow.made) == 2
    line.drop()


@pytest.mark.anyio
async def test_a_look_up_whose_connection_came_too_late_is_answered_over_it_later(postgres_url):
    with silence() as silent:
        look_ups = LookUpConnections(behind(silent, postgres_url), most=1, patience=PATIENCE)
        with closing(look_ups):
            with pytest.raises(StoreUnavailable):
                await look_ups.ask(ONE, None)
            assert await answered_in_the_end(lambda: look_ups.ask(ONE, None))


async def not_answered(look_ups):
    with pytest.raises(StoreUnavailable):
        await look_ups.ask(ONE, None)


async def accepted(silent):
    """Who has connected, when it has said its first words."""
    (came, _) = await asyncio.to_thread(silent.accept)
    came.settimeout(HANGS)
    assert await asyncio.to_thread(came.recv, 8)
    return came


def under_way():
    return [task for task in asyncio.all_tasks() if task.get_name() == "coatcheck-look-up-connection"]


@pytest.mark.anyio
async def test_those_who_wait_in_turn_wait_for_the_same_connection():
    with silence() as silent, closing(LookUpConnections(never_ready(silent), most=3, patience=0.1)) as look_ups:
        for _ in range(5):
            await not_answered(look_ups)
        assert len(under_way()) == 1


@pytest.mark.anyio
async def test_no_more_are_under_way_than_there_may_be():
    with silence() as silent, closing(LookUpConnections(never_ready(silent), most=2, patience=0.1)) as look_ups:
        for _ in range(3):
            await asyncio.gather(*(not_answered(look_ups) for _ in range(4)))
        assert len(under_way()) == 2


@pytest.mark.anyio
async def test_whoever_goes_away_leaves_the_connection_to_the_next():
    with silence() as silent, closing(LookUpConnections(never_ready(silent), most=1, patience=HANGS)) as look_ups:
        asking = asyncio.create_task(look_ups.ask(ONE, None))
        with await accepted(silent):
            before = under_way()
            asking.cancel()
            await asyncio.wait([asking])
            with Patience(0.1):
                await not_answered(look_ups)
            assert under_way() == before != []


@pytest.mark.anyio
async def test_what_nobody_waits_for_any_more_is_broken_off_at_the_end():
    with silence() as silent:
        look_ups = LookUpConnections(never_ready(silent), most=1, patience=0.1)
        await not_answered(look_ups)
        with await accepted(silent) as came:
            look_ups.close()
            await asyncio.wait(under_way(), timeout=HANGS)
            assert not under_way()
            while await asyncio.to_thread(came.recv, 1024):
                pass


@pytest.mark.anyio
async def test_a_connection_that_fails_when_nobody_waits_for_it_any_more_is_nobodys_trouble():
    complaints = []
    asyncio.get_running_loop().set_exception_handler(lambda _, complaint: complaints.append(complaint))
    with silence() as silent, closing(LookUpConnections(never_ready(silent), most=1, patience=0.1)) as look_ups:
        await not_answered(look_ups)
        (await accepted(silent)).close()
        await asyncio.wait(under_way(), timeout=HANGS)
        with pytest.raises(StoreUnavailable):  # it is tried anew
            await look_ups.ask(ONE, None)
        (anew,) = under_way()
        gc.collect()
    await asyncio.wait([anew], timeout=HANGS)
    assert complaints == []


@pytest.mark.anyio
async def test_a_server_that_is_silent_once_it_is_connected_is_given_up(monkeypatch, postgres_url):
    """Else everybody who asks later would wait for the one connection that never comes."""
    monkeypatch.setattr("coatcheck.stores.postgres.look_ups.setup_statements", lambda _: "SELECT pg_sleep(1000)")
    monkeypatch.setattr("coatcheck.stores.postgres.look_ups._SETUP_PATIENCE", 0.2)
    look_ups = LookUpConnections(parameters(postgres_url), most=1, patience=HANGS)
    with closing(look_ups), pytest.raises(TimeoutError):
        await look_ups.ask(ONE, None)
