"""The feed over HTTP: registering, following, being held, being told at once, leaving."""

import asyncio
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from hashlib import blake2b
from typing import Any, NamedTuple

import httpx2
import pytest

from coatcheck.errors import StoreUnavailable
from coatcheck.model.key import KeyStatus
from coatcheck.model.session import Carry
from coatcheck.settings import RevocationSettings
from coatcheck.testing import login_as
from tests.site import API, Site, bearer, code_of, running

pytestmark = pytest.mark.anyio

SLOW = RevocationSettings(lease=timedelta(seconds=30))
"""An answer is held for six seconds."""
AT_ONCE = 4.0


class Followed(NamedTuple):
    """A site, and a client with the secret of a service that follows."""

    site: Site
    client: httpx2.AsyncClient
    service_id: str

    async def ask(self, known: dict[str, Any] | None = None, **more: Any) -> httpx2.Response:
        """Ask for what comes after ``known``, an earlier answer."""
        body: dict[str, Any] = {"wait_ms": 0, **more}
        if known is not None:
            head = known["head"]
            body |= {
                "registration": known["registration"],
                "position": {"epoch": head["epoch"], "seq": head["seq"]},
                "event_id": head["event_id"],
                **more,
            }
        return await self.client.post(f"{API}/feed", json=body)

    async def told(self, known: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """The same, answered well."""
        answer = await self.ask(known, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def end_a_session(self, who: str = "ann@example.com") -> str:
        """Log somebody in and out again; return the session's id."""
        login = await login_as(self.site.auth, who, carry=Carry.HEADER)
        await self.site.auth.end_session(login.user.id, login.session.id)
        return login.session.id


@asynccontextmanager
async def followed(**settings: Any) -> AsyncIterator[Followed]:
    async with running(**settings) as site:
        made = await site.auth.services.create("orders", audiences=["orders"], feed=True)
        yield Followed(site, site.client(**bearer(made.first.secret or "")), made.service.id)


def name(told: dict[str, Any], identifier: str) -> str:
    """What the feed calls a session or user."""
    key = urlsafe_b64decode(told["digest_key"] + "==")
    digest = blake2b(identifier.encode(), digest_size=16, key=key).digest()
    return urlsafe_b64encode(digest).decode().rstrip("=")


async def test_who_registers_is_given_a_number_a_key_and_a_snapshot():
    async with followed() as site:
        ended = await site.end_a_session()
        told = await site.told(name="worker 1", accept_ms=1000)
        assert told["snapshot"]["ended"][0][0] == name(told, ended)
        assert [key["algorithm"] for key in told["snapshot"]["keys"]] == ["ES256", "ES256"]
        assert (told["floor"], told["more"], told["age_ms"]) == (0, False, 0)
        assert (told["lease_ms"], told["token_ms"], told["drift"]) == (5000, 600_000, 0.1)
        assert "events" not in told
        rows = {row.name: row for row in await site.site.auth.subscribers()}
        row = rows["orders worker 1"]
        assert told["registration"].startswith(row.number + ".")
        assert (row.accept_ms, row.acknowledged) == (1000, None)
        assert row.credential is not None


async def test_what_comes_after_a_position_are_events_with_names_for_ids_and_asking_on_acknowledges_them():
    async with followed() as site:
        told = await site.told()
        ended = await site.end_a_session()
        news = await site.told(told)
        assert [event["happening"] for event in news["events"]] == [
            {"kind": "session_ended", "session_id": name(told, ended)}
        ]
        assert news["head"]["seq"] == told["head"]["seq"] + 1
        assert "snapshot" not in news
        assert "floor" not in news
        assert await site.told(news) == {**news, "events": []}
        rows = [row for row in await site.site.auth.subscribers() if row.credential]
        assert [row.acknowledged.seq for row in rows if row.acknowledged] == [news["head"]["seq"]]


async def test_every_kind_of_event_is_told_and_no_id_of_a_person_or_session_is_in_any():
    async with followed() as site:
        told = await site.told()
        auth = site.site.auth
        login = await login_as(auth, "ann@example.com", carry=Carry.TOKENS)
        await auth.set_roles(login.user.id, ("clerk",))
        await auth.logout_everywhere(login.user.id)
        await auth.end_everything(reason="a drill")
        upcoming = next(key.kid for key in await auth.keys() if key.status is KeyStatus.UPCOMING)
        await auth.revoke_key(upcoming, reason="a drill")
        news = await site.ask(told)
        kinds = {event["happening"]["kind"] for event in news.json()["events"]}
        assert kinds >= {"user_changed", "session_ended", "everything_ended", "key_revoked", "key_added"}
        snapshot = await site.ask()
        for text in (news.text, snapshot.text):
            for told_of in (login.user.id[4:], login.session.id[4:], "ann@example.com"):
                assert told_of not in text


async def test_an_answer_is_held_until_something_happens():
    async with followed(revocation=SLOW) as site:
        told = await site.told()
        told = await site.told(told)
        loop = asyncio.get_running_loop()
        began = loop.time()
        asking = asyncio.create_task(site.told(told, wait_ms=60_000))
        await asyncio.sleep(0.1)
        assert not asking.done()
        await site.end_a_session()
        news = await asking
        assert len(news["events"]) == 1
        assert loop.time() - began < AT_ONCE


async def test_what_happens_while_the_log_is_being_read_is_told_at_once_too():
    async with followed(revocation=SLOW) as site:
        told = await site.told()
        reads = site.site.auth.feed._reads
        ask, overtaken = reads.ask, []

        async def overtake(question: Any) -> Any:
            answer = await ask(question)
            if not overtaken:
                overtaken.append(await site.end_a_session())
                await asyncio.sleep(0.05)  # the bell has rung, and the follower here has heard
            return answer

        reads.ask = overtake  # type: ignore[method-assign]
        loop = asyncio.get_running_loop()
        began = loop.time()
        news = await site.told(told, wait_ms=60_000)
        assert len(news["events"]) == 1
        assert loop.time() - began < AT_ONCE


async def test_what_this_process_has_not_heard_of_yet_is_told_when_it_has():
    async with followed(revocation=SLOW) as site:
        told = await site.told(await site.told())
        follower = site.site.auth._opened.running.follower
        async with follower._one_at_a_time:  # the bell rings, and the follower here is kept from asking
            await site.end_a_session()
            await asyncio.sleep(0.02)
            loop = asyncio.get_running_loop()
            began = loop.time()
            asking = asyncio.create_task(site.told(told, wait_ms=60_000))
            await asyncio.sleep(0.1)
            assert not asking.done(), "it is a hint that is missing, and would cost a fifth of a lease"
        assert len((await asking)["events"]) == 1
        assert loop.time() - began < AT_ONCE


async def test_an_answer_is_held_for_a_fifth_of_the_lease_at_most():
    async with followed(revocation=RevocationSettings(lease=timedelta(seconds=5))) as site:
        told = await site.told(await site.told())
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert (await site.told(told, wait_ms=60_000))["events"] == []
        assert 0.8 < loop.time() - began < 4


async def test_a_hundred_who_wait_are_told_at_once_from_few_reads():
    async with followed() as site:
        made = [await site.told() for _ in range(100)]
        made = [await site.told(told) for told in made]
        reads = 0
        asking = [asyncio.create_task(site.told(told, wait_ms=60_000)) for told in made]
        await asyncio.sleep(0.3)
        authority = site.site.auth._opened.authority
        sync_all = authority.sync_all

        async def counted(questions: Any) -> Any:
            nonlocal reads
            reads += 1
            return await sync_all(questions)

        authority.sync_all = counted
        ended = await site.end_a_session()
        news = await asyncio.gather(*asking)
        assert {event["happening"]["session_id"] for told in news for event in told["events"]} == {name(made[0], ended)}
        assert reads <= 5


async def test_a_long_answer_is_cut_and_says_so():
    async with followed() as site:
        told = await site.told()
        site.site.auth._opened.authority._most_events = 2
        for _ in range(3):
            await site.end_a_session()
        news = await site.told(told, wait_ms=60_000)
        assert (len(news["events"]), news["more"]) == (2, True)
        applied = {"epoch": news["head"]["epoch"], "seq": news["events"][-1]["seq"]}
        rest = await site.told(news, position=applied, event_id=news["events"][-1]["id"])
        assert (len(rest["events"]), rest["more"]) == (1, False)


async def test_a_large_snapshot_is_written_beside_the_loop():
    async with followed() as site:
        for turn in range(600):
            await site.end_a_session(f"person{turn % 20}@example.com")
        told = await site.told()
        assert len(told["snapshot"]["ended"]) == 600


async def test_who_hangs_up_is_forgotten_at_once():
    async with followed() as site:
        told = await site.told(await site.told())
        feed = site.site.auth.feed
        asking = asyncio.create_task(site.told(told, wait_ms=60_000))
        while not feed._waiting:  # noqa: ASYNC110 - until it is held
            await asyncio.sleep(0.005)
        asking.cancel()
        await asyncio.sleep(0.05)
        assert not feed._waiting


async def test_a_registration_that_nobody_was_told_of_is_given_up():
    async with followed() as site:
        asked = {"wait_ms": 0, "position": {"epoch": "none", "seq": 1}}
        assert (await site.client.post(f"{API}/feed", json=asked)).status_code == 422
        authority = site.site.auth._opened.authority
        sync_all = authority.sync_all

        async def away(_: Any) -> Any:
            raise StoreUnavailable

        authority.sync_all = away  # type: ignore[method-assign]
        assert code_of(await site.ask()) == "store.unavailable"
        authority.sync_all = sync_all  # type: ignore[method-assign]
        assert [row for row in await site.site.auth.subscribers() if row.credential] == []


async def test_leaving_gives_the_registration_up():
    async with followed() as site:
        told = await site.told()
        left = await site.client.delete(f"{API}/feed/{told['registration']}")
        assert left.status_code == 204
        assert code_of(await site.ask(told)) == "feed.register"
        assert (await site.client.delete(f"{API}/feed/{told['registration']}")).status_code == 204


async def test_an_unknown_registration_is_told_to_register_whatever_it_looks_like():
    async with followed() as site:
        told = await site.told()
        number, _, key_id = told["registration"].partition(".")
        for unknown in ("", "x", number, f"{number}.", f"{number}.AAAA", f"reg_unknown.{key_id}", f".{key_id}"):
            answer = await site.ask({**told, "registration": unknown})
            assert (answer.status_code, code_of(answer)) == (409, "feed.register"), unknown


async def test_what_does_not_fit_is_refused_field_by_field():
    async with followed() as site:
        told = await site.told()
        for more in (
            {"wait_ms": -1},
            {"wait_ms": "1"},
            {"name": ""},
            {"name": "a\nb"},
            {"name": "x" * 101},
            {"accept_ms": 3_600_001},
            {"position": {"epoch": "1-x"}},
            {"position": {"epoch": "none", "seq": 1}},
            {"position": {"epoch": "1-x", "seq": -1}},
            {"event_id": 7},
            {"unknown": 1},
        ):
            answer = await site.ask(told, **more)
            assert (answer.status_code, code_of(answer)) == (422, "request.invalid"), more


async def test_a_service_whose_feed_is_off_may_not_follow_from_the_next_poll_on():
    async with followed() as site:
        told = await site.told()
        await site.site.auth.services.change(site.service_id, feed=False)
        answer = await site.ask(told)
        assert (answer.status_code, code_of(answer)) == (403, "access.denied")
        await site.site.auth.services.change(site.service_id, feed=True)
        assert (await site.ask(told)).status_code == 200


async def test_a_poll_from_memory_asks_the_store_nothing_about_the_credential():
    async with followed() as site:
        told = await site.told(await site.told())
        services = site.site.auth.feed._admission._services
        site.site.auth.feed._admission._services = None  # type: ignore[assignment]
        assert (await site.ask(told)).status_code == 200
        site.site.auth.feed._admission._services = services
