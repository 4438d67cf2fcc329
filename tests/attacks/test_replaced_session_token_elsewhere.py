"""Somebody has a session cookie that was replaced, and shows it to services that remember what they asked.

SE-08, SE-24: what was replaced is dead everywhere soon: after its grace where that has begun when it is asked about,
and otherwise T after the server last read the session, not T after a service last asked the server.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx2
import pytest
from msgspec import structs

from coatcheck.authority import Found, LookUp
from tests.checking.builders import SETTINGS, cookie
from tests.checking.builders import Site as Checking
from tests.machines import ISSUER, by_basic, introspect
from tests.site import API, NAMES, Site, running

MINUTE = timedelta(minutes=1)


@asynccontextmanager
async def somebody_logged_in() -> AsyncIterator[tuple[Site, httpx2.AsyncClient, dict[str, str]]]:
    """A site, a browser with a session cookie, and what a service proves itself with."""
    async with running() as site:
        client = site.browser()
        await site.register(client)
        made = await site.auth.services.create("rs", audiences=(ISSUER,))
        yield site, client, by_basic(made.service.id, made.first.secret)


@pytest.mark.anyio
async def test_a_service_is_told_that_it_ends_with_its_grace():
    async with somebody_logged_in() as (site, client, proof):
        replaced = client.cookies[NAMES.session.name]
        site.clock.advance(60 * MINUTE)
        await client.get(f"{API}/me")
        assert client.cookies[NAMES.session.name] != replaced
        grace, now = site.auth.settings.sessions.grace, site.clock.now
        told = (await introspect(site, replaced, proof)).json()
        assert (told["active"], told["exp"]) == (True, int((now + grace).timestamp()))
        told = (await introspect(site, client.cookies[NAMES.session.name], proof)).json()
        assert told["exp"] > (now + 60 * MINUTE).timestamp()


@pytest.mark.anyio
async def test_a_service_is_told_how_long_ago_it_was_read():
    async with somebody_logged_in() as (site, client, proof):
        token = client.cookies[NAMES.session.name]
        known = [(await introspect(site, token, proof)).json()["coatcheck"]["read_ms"]]
        site.clock.advance(timedelta(seconds=3))  # within the lease
        known.append((await introspect(site, token, proof)).json()["coatcheck"]["read_ms"])
        assert known == [0, 3_000]


def test_a_checker_asks_again_when_it_was_read_that_long_ago():
    site = Checking()
    asyncio.run(site.sync())
    real = site.recall._look_up

    async def from_memory(asked: LookUp, fresh: bool) -> Found:
        return structs.replace(await real(asked, fresh), read_ms=540_000)

    site.recall._look_up = from_memory
    token = cookie(site.log_in())
    remembered = asyncio.run(site.recall.check(token))
    assert SETTINGS.tokens.access_for == 10 * MINUTE
    assert remembered.ask_at - site.clock.wall() == MINUTE.total_seconds()
