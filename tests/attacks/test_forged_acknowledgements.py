"""FD-07, FD-08, FD-09: a subscriber claims to have applied what it has not, or speaks for a registration that is over.

An acknowledgement counts only if the log holds that event at that position, in this epoch, and only for a registration
that has not been given up: else a barrier would be over although somebody still accepts.
"""

import asyncio
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from coatcheck.model.receipt import Receipt
from coatcheck.model.session import Carry
from coatcheck.settings import RevocationSettings
from coatcheck.testing import login_as
from tests.site import API, Site, bearer, running

pytestmark = pytest.mark.anyio


async def registered(site: Site) -> tuple[httpx2.AsyncClient, dict[str, Any]]:
    made = await site.auth.services.create("orders", audiences=["orders"], feed=True)
    client = site.client(**bearer(made.first.secret or ""))
    return client, (await client.post(f"{API}/feed", json={"wait_ms": 0, "name": "forger"})).json()


async def claim(client: httpx2.AsyncClient, told: dict[str, Any], **claimed: Any) -> int:
    head = told["head"]
    place = {"epoch": claimed.get("epoch", head["epoch"]), "seq": claimed.get("seq", head["seq"])}
    body = {
        "registration": told["registration"],
        "position": place,
        "event_id": claimed.get("event_id", head["event_id"]),
        "wait_ms": 0,
    }
    return (await client.post(f"{API}/feed", json=body)).status_code


async def acknowledged(site: Site) -> int | None:
    (row,) = (row for row in await site.auth.subscribers() if row.credential is not None)
    return None if row.acknowledged is None else row.acknowledged.seq


async def test_a_claim_that_the_log_does_not_bear_out_is_not_recorded() -> None:
    async with running() as site:
        client, told = await registered(site)
        head = told["head"]
        for claimed in (
            {"seq": head["seq"] + 1},
            {"seq": 2**53 - 1},
            {"event_id": "evt_invented"},
            {"event_id": None},
            {"seq": head["seq"] - 1},
            {"epoch": "1-00000000"},
            {"epoch": "9-00000000"},
        ):
            assert await claim(client, told, **claimed) == 200
            assert await acknowledged(site) is None, claimed
        assert await claim(client, told) == 200
        assert await acknowledged(site) == head["seq"]


async def test_an_acknowledgement_never_goes_back_within_an_epoch() -> None:
    async with running() as site:
        client, told = await registered(site)
        await claim(client, told)
        login = await login_as(site.auth, carry=Carry.HEADER)
        await site.auth.end_session(login.user.id, login.session.id)
        later = await site.auth.store.read(lambda tx: tx.log.head())
        await claim(client, told, seq=later.seq, event_id=later.event_id)
        await claim(client, told)
        assert await acknowledged(site) == later.seq


async def test_a_barrier_does_not_believe_a_claim_made_before_the_event() -> None:
    settings = RevocationSettings(lease=timedelta(milliseconds=200))
    async with running(revocation=settings) as site:
        client, told = await registered(site)
        await claim(client, told, seq=told["head"]["seq"] + 1)
        login = await login_as(site.auth, carry=Carry.HEADER)
        waiting = asyncio.create_task(site.auth.end_session(login.user.id, login.session.id, wait=True))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        site.clock.advance(timedelta(seconds=1))
        receipt = await waiting
        assert isinstance(receipt, Receipt)
        assert receipt.waited_out == ("orders forger",)


async def test_who_was_given_up_is_told_to_register_and_what_it_says_is_not_recorded() -> None:
    async with running() as site:
        client, told = await registered(site)
        number = told["registration"].partition(".")[0]
        now = site.clock.now
        await site.auth.store.write_registry(lambda registry: registry.mark_lapsed(number, now))
        assert await claim(client, told) == 409
        assert await acknowledged(site) is None
        await client.delete(f"{API}/feed/{told['registration']}")
        assert await claim(client, told) == 409
        assert [row for row in await site.auth.subscribers() if row.credential is not None] == []
