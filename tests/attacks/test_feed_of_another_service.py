"""FD-10: a service reads, acknowledges or gives up what belongs to another, or learns from the feed who logs in.

A registration speaks for the credential that it was given to. Sessions and users are names under a key of that
credential: whoever has not seen a token recognises nobody, and two services can't compare what they were told.
"""

from datetime import timedelta
from typing import Any

import httpx2
import pytest

from coatcheck.model.session import Carry
from coatcheck.settings import RevocationSettings
from coatcheck.testing import login_as
from tests.site import API, Site, bearer, code_of, running

pytestmark = pytest.mark.anyio
SHORT = RevocationSettings(lease=timedelta(milliseconds=400))


async def service(site: Site, name: str) -> httpx2.AsyncClient:
    made = await site.auth.services.create(name, audiences=[name], feed=True)
    return site.client(**bearer(made.first.secret or ""))


async def ask(client: httpx2.AsyncClient, known: dict[str, Any] | None = None) -> httpx2.Response:
    body: dict[str, Any] = {"wait_ms": 0}
    if known is not None:
        head = known["head"]
        body |= {"registration": known["registration"], "event_id": head["event_id"]}
        body["position"] = {"epoch": head["epoch"], "seq": head["seq"]}
    return await client.post(f"{API}/feed", json=body)


async def test_a_registration_of_another_service_is_unknown_and_nothing_is_acknowledged_with_it() -> None:
    async with running(revocation=SHORT) as site:
        orders, thief = await service(site, "orders"), await service(site, "thief")
        held = (await ask(orders)).json()
        login = await login_as(site.auth, carry=Carry.HEADER)
        await site.auth.end_session(login.user.id, login.session.id)
        ahead = (await ask(thief)).json()
        stolen = await ask(thief, {**ahead, "registration": held["registration"]})
        assert (stolen.status_code, code_of(stolen)) == (409, "feed.register")
        assert [row.acknowledged for row in await site.auth.subscribers() if row.name.startswith("orders")] == [None]


async def test_nobody_acknowledges_for_a_process_beside_the_store() -> None:
    async with running(revocation=SHORT) as site:
        thief = await service(site, "thief")
        told = (await ask(thief)).json()
        (beside,) = (row for row in await site.auth.subscribers() if row.credential is None)
        key_id = told["registration"].partition(".")[2]
        for number in (beside.number, f"{beside.number}.{key_id}"):
            assert (await ask(thief, {**told, "registration": number})).status_code == 409
            await thief.delete(f"{API}/feed/{number}")
        assert beside.number in {row.number for row in await site.auth.subscribers()}


async def test_a_goodbye_for_another_service_is_answered_alike_and_does_nothing() -> None:
    async with running() as site:
        orders, thief = await service(site, "orders"), await service(site, "thief")
        told = (await ask(orders)).json()
        assert (await thief.delete(f"{API}/feed/{told['registration']}")).status_code == 204
        assert (await ask(orders, told)).status_code == 200


async def test_two_services_know_one_session_by_different_names_and_neither_knows_its_id() -> None:
    async with running() as site:
        orders, billing = await service(site, "orders"), await service(site, "billing")
        first, second = (await ask(orders)).json(), (await ask(billing)).json()
        login = await login_as(site.auth, carry=Carry.HEADER)
        await site.auth.end_session(login.user.id, login.session.id)
        told = [await ask(orders, first), await ask(billing, second)]
        names = {answer.json()["events"][0]["happening"]["session_id"] for answer in told}
        assert len(names) == 2
        assert first["digest_key"] != second["digest_key"]
        for answer in told:
            assert login.session.id[4:] not in answer.text
            assert login.user.id[4:] not in answer.text


async def test_another_secret_of_the_same_service_has_names_and_registrations_of_its_own() -> None:
    async with running() as site:
        made = await site.auth.services.create("orders", audiences=["orders"], feed=True)
        second = await site.auth.services.add_secret(made.service.id, "the other one")
        one, two = (site.client(**bearer(each.secret or "")) for each in (made.first, second))
        told, other = (await ask(one)).json(), (await ask(two)).json()
        assert told["digest_key"] != other["digest_key"]
        assert (await ask(two, told)).status_code == 409


async def test_no_service_gives_itself_the_name_of_another_in_receipts() -> None:
    async with running(revocation=SHORT) as site:
        thief = await service(site, "thief")
        await thief.post(f"{API}/feed", json={"name": "orders web-1:4711", "wait_ms": 0})
        assert "thief orders web-1:4711" in {row.name for row in await site.auth.subscribers()}
