"""How often PostgreSQL is asked for each flow, and that another server adds nothing to it.

Counted are the statements that arrive at the database, as its own log tells, under the name of the server that the
request came to, and the round trips: how often that server waits for an answer, as the wire tells. Its loops rest
meanwhile: following the log costs each server some statements a second, and no request any.
"""

import asyncio
import re
from contextlib import AsyncExitStack
from datetime import timedelta
from operator import sub

import pytest

from coatcheck import Auth, Settings
from coatcheck.model.client import Client
from coatcheck.model.session import Carry
from coatcheck.settings import RevocationSettings
from coatcheck.stores.postgres.connect import TIMEOUTS_MS, parameters, raw_connection
from coatcheck.testing import fast_passwords
from tests.postgres import PostgresServer
from tests.relay import Relay

SECRET = "made up for this test, and random enough: 4kq9zx"
PASSWORD = "three quiet herons wade"
CLIENT = Client(address="198.51.100.7")
STATEMENT = re.compile(r"^asked LOG:  (?:statement|execute [^:]*): ", re.MULTILINE)

COSTS = {"login": (19, 11), "refresh": (9, 7), "first check": (1, 1), "next check": (0, 0), "logout": (9, 4)}
"""Statements, BEGIN, COMMIT and the bell among them, and round trips."""


FLUSH = b"H\0\0\0\4"
"""What the driver sends after a flight, too; nobody answers it."""


class CountingRelay(Relay):
    """A way to the database that counts how often somebody asks after having heard."""

    round_trips = 0
    _was_question = False

    async def let_pass(self, piece, *, is_question):
        if piece != FLUSH:
            self.round_trips += is_question and not self._was_question
            self._was_question = is_question


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    options = {"log_statement": "all", "log_line_prefix": "%a "}
    with PostgresServer(tmp_path_factory.mktemp("postgres"), options=options) as server:
        yield server


def _auth(url, name):
    settings = Settings(
        database=f"{url}?application_name={name}",
        secrets=(SECRET,),
        passwords=fast_passwords(),
        revocation=RevocationSettings(lease=timedelta(seconds=60)),
    )
    return Auth(settings, name=name)


async def _rest(auth):
    """End the loops of this server; its lease lasts for the whole test."""
    loops = [*auth._running._tasks, auth._running.follower._task]
    for task in loops:
        task.cancel()
    await asyncio.gather(*loops, return_exceptions=True)


async def _counted(server, servers):
    """What each flow costs, at one of so many servers."""
    url, costs = server.new_database(), {}

    def so_far():
        return len(STATEMENT.findall(server.log)), relay.round_trips

    async def count(flow, awaited):
        before = so_far()
        result = await awaited
        costs[flow] = tuple(map(sub, so_far(), before))
        return result

    async with AsyncExitStack() as stack:
        relay = stack.enter_context(CountingRelay(server.port))
        asked = await stack.enter_async_context(_auth(url.replace(f":{server.port}", f":{relay.port}"), "asked"))
        for number in range(1, servers):
            await stack.enter_async_context(_auth(url, f"other{number}"))
        await asked.register("ann@example.com", PASSWORD, client=CLIENT)
        await _rest(asked)
        for _ in range(14):  # the first times connections are opened and statements prepared
            tokens = asked.login("ann@example.com", PASSWORD, carry=Carry.TOKENS, client=CLIENT)
            login = await count("login", tokens)
            await count("refresh", asked.refresh(login.credentials.refresh_token, client=CLIENT))
            login = await asked.login("ann@example.com", PASSWORD, carry=Carry.HEADER, client=CLIENT)
            token = login.credentials.session_token.encode()
            remembered = await count("first check", asked.check(token))
            await count("next check", asked.check(token))
            await count("logout", asked.logout(remembered, client=CLIENT))
    return costs


def test_a_connection_is_set_up_by_one_question(server):
    with CountingRelay(server.port) as relay:
        there = f"{server.new_database()}?sslmode=disable&gssencmode=disable".replace(
            f":{server.port}", f":{relay.port}"
        )
        with raw_connection(parameters(there), **TIMEOUTS_MS):
            assert relay.round_trips == 2, "who we are, and what we want of the session"


@pytest.mark.parametrize("servers", [1, 3])
def test_a_flow_asks_the_same_few_questions_however_many_servers_there_are(server, servers):
    assert asyncio.run(_counted(server, servers)) == COSTS
