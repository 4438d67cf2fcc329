"""A refresh token is sent again: by a thief, by a second tab, over a bad network, after a restart.

RF-01, RF-03, RF-04, RF-05, RF-07, RF-08, RF-09, RF-10, RF-16 (RFC 9700 §4.14.2). RF-02 is in
tests/web/api/test_token.py and RF-06 in test_logout_races.py.
"""

import asyncio
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from tests.site import API, PASSWORD, Site, bearer, code_of, running, set_cookies

pytestmark = pytest.mark.anyio


async def _refresh(client: httpx2.AsyncClient, token: str) -> httpx2.Response:
    return await client.post(f"{API}/token", data={"grant_type": "refresh_token", "refresh_token": token})


async def _is_alive(site: Site, body: dict[str, Any]) -> bool:
    session = await site.auth.get_session(body["session"]["id"])
    return session is not None and session.ended_at is None


async def test_a_token_that_comes_back_after_the_grace_ends_the_session_and_is_audited():
    async with running() as site:
        client = site.client()
        body = await site.register(client, carry="tokens")
        fresh = (await _refresh(client, body["refresh_token"])).json()
        site.clock.advance(timedelta(seconds=10))
        refused = await _refresh(site.client("198.51.100.66"), body["refresh_token"])
        assert (refused.status_code, refused.json()["error"], code_of(refused)) == (
            400,
            "invalid_grant",
            "token.replayed",
        )
        assert code_of(await client.get(f"{API}/me", headers=bearer(fresh["access_token"]))) == "session.ended"
        assert code_of(await _refresh(client, fresh["refresh_token"])) == "session.ended"
        replays = await site.auth.audit(kind="refresh.replayed")
        assert [entry.address for entry in replays] == ["198.51.100.66"]


async def test_a_lost_answer_is_asked_for_again_within_the_grace():
    async with running() as site:
        client = site.client()
        body = await site.register(client, carry="tokens")
        first = (await _refresh(client, body["refresh_token"])).json()
        site.clock.advance(timedelta(seconds=9.9))
        again = (await _refresh(client, body["refresh_token"])).json()
        assert again["refresh_token"] == first["refresh_token"]
        assert (await client.get(f"{API}/me", headers=bearer(again["access_token"]))).status_code == 200
        assert (await _refresh(client, again["refresh_token"])).status_code == 200
        assert len(await site.auth.audit(kind="refresh.retried")) == 1


async def test_two_generations_back_is_a_replay_even_within_the_grace():
    async with running() as site:
        client = site.client()
        body = await site.register(client, carry="tokens")
        first = (await _refresh(client, body["refresh_token"])).json()
        await _refresh(client, first["refresh_token"])
        assert code_of(await _refresh(client, body["refresh_token"])) == "token.replayed"
        assert not await _is_alive(site, body)


async def test_using_the_successor_ends_the_grace_of_the_predecessor():
    async with running() as site:
        client = site.client()
        body = await site.register(client, carry="tokens")
        first, second = (await asyncio.gather(*(_refresh(client, body["refresh_token"]) for _ in range(2))))[:2]
        assert first.json()["refresh_token"] == second.json()["refresh_token"]
        await _refresh(client, first.json()["refresh_token"])
        assert code_of(await _refresh(client, body["refresh_token"])) == "token.replayed"


async def test_a_losing_tab_never_clears_the_winners_cookie():
    async with running() as site:
        browser = site.browser()
        body = await site.register(browser, carry="page")
        old = browser.cookies["__Secure-coatcheck-refresh"]
        first = (await browser.post(f"{API}/token", data={"grant_type": "refresh_token"})).status_code
        second = (await browser.post(f"{API}/token", data={"grant_type": "refresh_token"})).status_code
        assert (first, second) == (200, 200)
        loser = site.client(cookie=f"__Secure-coatcheck-refresh={old}", **{"sec-fetch-site": "same-origin"})
        for expected in ("token.replayed", "session.ended"):
            answer = await loser.post(f"{API}/token", data={"grant_type": "refresh_token"})
            assert (code_of(answer), set_cookies(answer)) == (expected, {})
        assert not await _is_alive(site, body)


async def test_a_thousand_refreshes_in_one_instant_stay_in_order():
    async with running() as site:
        client = site.client()
        token = (await site.register(client, carry="tokens"))["refresh_token"]
        seen = [token]
        for _ in range(200):
            token = (await _refresh(client, token)).json()["refresh_token"]
            seen.append(token)
        assert len(set(seen)) == len(seen)
        assert code_of(await _refresh(client, seen[-3])) == "token.replayed"


async def test_a_clock_that_is_set_back_does_not_make_an_old_token_look_fresh():
    async with running() as site:
        client = site.client()
        body = await site.register(client, carry="tokens")
        await _refresh(client, body["refresh_token"])
        site.clock.set(site.clock.now - timedelta(hours=1))
        assert code_of(await _refresh(client, body["refresh_token"])) == "token.replayed"


async def test_a_guess_at_somebodys_refresh_token_ends_nothing():
    async with running() as site:
        client = site.client()
        body = await site.register(client, carry="tokens")
        real = body["refresh_token"]
        for place in range(4, len(real)):
            guess = real[:place] + ("A" if real[place] != "A" else "B") + real[place + 1 :]
            assert code_of(await _refresh(site.client(), guess)) == "token.invalid"
        assert await _is_alive(site, body)
        assert (await _refresh(client, real)).status_code == 200


async def test_a_refresh_token_opens_nothing_but_the_token_endpoint():
    async with running() as site:
        client = site.client()
        token = (await site.register(client, carry="tokens"))["refresh_token"]
        answer = await client.get(f"{API}/me", headers=bearer(token))
        assert (answer.status_code, code_of(answer)) == (401, "token.wrong_kind")
        for cookie in ("__Host-coatcheck", "__Host-coatcheck-access", "__Secure-coatcheck-refresh"):
            assert (await site.client(cookie=f"{cookie}={token}").get(f"{API}/me")).status_code == 401
        assert (await client.get(f"{API}/me", params={"refresh_token": token})).status_code == 401


async def test_a_refresh_after_suspension_or_deletion_is_refused():
    async with running() as site:
        client = site.client()
        for email, end in (("ann@example.com", site.auth.suspend), ("bob@example.com", site.auth.delete_user)):
            body = await site.register(client, email, carry="tokens")
            await end(body["user"]["id"])
            assert code_of(await _refresh(client, body["refresh_token"])) == "session.ended"


async def test_who_registers_again_under_a_deleted_address_gets_nothing_of_before():
    """ID-12, JC-20."""
    async with running() as site:
        client = site.client()
        before = await site.register(client, carry="tokens")
        await site.auth.set_roles(before["user"]["id"], ("editor",))
        await site.auth.delete_user(before["user"]["id"])
        after = await site.register(client, carry="tokens", password=PASSWORD)
        assert after["user"]["id"] != before["user"]["id"]
        assert after["user"]["roles"] == []
        assert code_of(await client.get(f"{API}/me", headers=bearer(before["access_token"]))) == "session.ended"
        listed = (await client.get(f"{API}/sessions", headers=bearer(after["access_token"]))).json()["sessions"]
        assert [each["id"] for each in listed] == [after["session"]["id"]]
