"""How often PostgreSQL is asked for each flow, and that another server adds nothing to it.

Counted is what arrives at the database, as its own log tells, under the name of the server that the request came to.
Its loops rest meanwhile: following the log costs each server some statements a second, and no request any.
"""

import asyncio
import re
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from coatcheck import Auth, Settings
from coatcheck.model.client import Client
from coatcheck.model.session import Carry
from coatcheck.settings import RevocationSettings
from coatcheck.testing import fast_passwords
from tests.postgres import PostgresServer

SECRET = "made up for this test, and random enough: 4kq9zx"
PASSWORD = "three quiet herons wade"
CLIENT = Client(address="198.51.100.7")
STATEMENT = re.compile(r"^asked LOG:  (?:statement|execute [^:]*): ", re.MULTILINE)

STATEMENTS = {"login": 25, "refresh": 12, "first check": 1, "next check": 0, "logout": 9}
"""BEGIN, COMMIT and the bell are among them."""


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
    """Statements of each flow, at one of so many servers."""
    url, counts = server.new_database(), {}

    async def count(flow, awaited):
        before = len(STATEMENT.findall(server.log))
        result = await awaited
        counts[flow] = len(STATEMENT.findall(server.log)) - before
        return result

    async with AsyncExitStack() as stack:
        asked = await stack.enter_async_context(_auth(url, "asked"))
        for number in range(1, servers):
            await stack.enter_async_context(_auth(url, f"other{number}"))
        await asked.register("ann@example.com", PASSWORD, client=CLIENT)
        await _rest(asked)
        for _ in range(2):  # the first time connections are opened
            tokens = asked.login("ann@example.com", PASSWORD, carry=Carry.TOKENS, client=CLIENT)
            login = await count("login", tokens)
            await count("refresh", asked.refresh(login.credentials.refresh_token, client=CLIENT))
            login = await asked.login("ann@example.com", PASSWORD, carry=Carry.HEADER, client=CLIENT)
            token = login.credentials.session_token.encode()
            remembered = await count("first check", asked.check(token))
            await count("next check", asked.check(token))
            await count("logout", asked.logout(remembered, client=CLIENT))
    return counts


@pytest.mark.parametrize("servers", [1, 3])
def test_a_flow_asks_the_same_few_questions_however_many_servers_there_are(server, servers):
    assert asyncio.run(_counted(server, servers)) == STATEMENTS
