"""FD-11, FD-12: a service fills the registry, or keeps thousands of polls open, to make barriers slow or eat memory.

One credential has only so many registrations; what it keeps open costs a future each, and nothing when it hangs up.
"""

import asyncio

import pytest
from msgspec import structs

from coatcheck.authority import Question, Snapshot
from coatcheck.model.position import Epoch, Position
from tests.site import API, Site, bearer, code_of, running

pytestmark = pytest.mark.anyio


async def secret(site: Site, name: str) -> str:
    made = await site.auth.services.create(name, audiences=[name], feed=True)
    return made.first.secret or ""


async def test_one_credential_has_only_so_many_registrations_and_others_are_not_hurt() -> None:
    async with running() as site:
        site.auth._opened.authority._most_per_credential = 5
        flood, orders = site.client(**bearer(await secret(site, "flood"))), await secret(site, "orders")
        answers = [await flood.post(f"{API}/feed", json={"wait_ms": 0}) for _ in range(8)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 3
        assert code_of(answers[-1]) == "attempts.exceeded"
        assert int(answers[-1].headers["retry-after"]) >= 1
        first = answers[0].json()["registration"]
        assert (await site.client(**bearer(orders)).post(f"{API}/feed", json={"wait_ms": 0})).status_code == 200
        await flood.delete(f"{API}/feed/{first}")
        assert (await flood.post(f"{API}/feed", json={"wait_ms": 0})).status_code == 200


async def test_what_was_given_up_still_counts_until_it_is_deleted() -> None:
    async with running() as site:
        site.auth._opened.authority._most_per_credential = 1
        client = site.client(**bearer(await secret(site, "orders")))
        number = (await client.post(f"{API}/feed", json={"wait_ms": 0})).json()["registration"].partition(".")[0]
        now = site.clock.now
        await site.auth.store.write_registry(lambda registry: registry.mark_lapsed(number, now))
        assert (await client.post(f"{API}/feed", json={"wait_ms": 0})).status_code == 429


async def test_polls_that_are_hung_up_leave_nothing_behind() -> None:
    async with running() as site:
        client = site.client(**bearer(await secret(site, "orders")))
        told = (await client.post(f"{API}/feed", json={"wait_ms": 0})).json()
        head = told["head"]
        body = {
            "registration": told["registration"],
            "position": {"epoch": head["epoch"], "seq": head["seq"]},
            "event_id": head["event_id"],
            "wait_ms": 60_000,
        }
        feed = site.auth.feed
        for _ in range(3):
            polls = [asyncio.create_task(client.post(f"{API}/feed", json=body)) for _ in range(50)]
            while len(feed._waiting) < 50:  # noqa: ASYNC110 - until they are held
                await asyncio.sleep(0.005)
            for poll in polls:
                poll.cancel()
            await asyncio.gather(*polls, return_exceptions=True)
            await asyncio.sleep(0.02)
            assert not feed._waiting


async def test_invented_secrets_leave_nothing_behind() -> None:
    async with running() as site:
        genuine = await secret(site, "orders")
        for turn in range(50):
            forged = genuine[:-6] + f"{turn:06}"
            assert (await site.client(**bearer(forged)).post(f"{API}/feed", json={"wait_ms": 0})).status_code == 401
        assert not site.auth.feed._admission._admitted


async def test_invented_positions_cost_one_snapshot_and_not_one_each() -> None:
    """Everybody's polls wait for that read, and so do the leases of all who follow."""
    async with running() as site:
        client = site.client(**bearer(await secret(site, "orders")))
        told = (await client.post(f"{API}/feed", json={"wait_ms": 0})).json()
        head, number = told["head"], told["registration"].partition(".")[0]
        credential = (await site.auth.store.read_registry(lambda registry: registry.get(number))).credential
        there = Position(Epoch.parse(head["epoch"]), head["seq"])
        elsewhere = Position(there.epoch.successor(), 1)
        plain = Question(registration=number, credential=credential)
        asked = [structs.replace(plain, applied=there, event_id=f"x{i}") for i in range(9)]
        asked += [structs.replace(plain, applied=elsewhere), plain]
        first, *others = await site.auth._opened.authority.sync_all(asked)
        assert isinstance(first, Snapshot)
        assert first.foreign
        assert others[-1] == structs.replace(first, foreign=False)
        assert all(each.ended is first.ended for each in others if isinstance(each, Snapshot)), "read once"
