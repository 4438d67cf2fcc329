"""A logout races with requests, logins and refreshes.

SE-09: nothing that starts after the answer to a logout succeeds. SE-10: no session from before survives "log out
everywhere". RF-06: no token that a racing refresh minted is usable afterwards.
"""

import asyncio
from typing import Any

import pytest
from msgspec import json

from coatcheck.model.position import Position
from coatcheck.settings import AttemptSettings
from coatcheck.testing import fast_passwords
from coatcheck.tokens.base64url import decode
from tests.site import API, PASSWORD, bearer, running

pytestmark = pytest.mark.anyio


def position_in(access_token: str) -> Position:
    return Position.parse(json.decode(decode(access_token.split(".")[1].encode()))["pos"])


@pytest.mark.parametrize("carry", ["header", "tokens"])
async def test_nothing_that_starts_after_the_answer_succeeds(carry: str):
    async with running() as site:
        client = site.client()
        body = await site.register(client, carry=carry)
        headers = bearer(body.get("session_token") or body["access_token"])
        is_over, was_let_in, late = asyncio.Event(), asyncio.Event(), []

        async def ask() -> None:
            while len(late) < 40:
                started_after = is_over.is_set()
                answer = await client.get(f"{API}/me", headers=headers)
                if started_after:
                    late.append(answer.status_code)
                elif answer.status_code == 200:
                    was_let_in.set()
                await asyncio.sleep(0)

        async def end() -> None:
            await was_let_in.wait()
            await client.post(f"{API}/logout", headers=headers)
            is_over.set()

        async with asyncio.timeout(30):
            await asyncio.gather(end(), *(ask() for _ in range(4)))
        assert set(late) == {401}


async def test_logging_out_everywhere_leaves_no_login_from_before_it():
    async with running(attempts=AttemptSettings(per_account=1000), passwords=fast_passwords(queue=1000)) as site:
        client = site.client()
        body = await site.register(client, carry="tokens")
        credentials = {"email": "ann@example.com", "password": PASSWORD, "carry": "tokens"}

        one_is_in, is_over = asyncio.Event(), asyncio.Event()

        async def log_in(number: int) -> str:
            elsewhere = site.client(f"198.51.100.{number}")
            token: str = (await elsewhere.post(f"{API}/login", json=credentials)).json()["access_token"]
            one_is_in.set()
            return token

        async def log_in_after() -> str:
            await is_over.wait()
            return await log_in(200)

        async def end() -> Position:
            await one_is_in.wait()
            answer = await client.post(
                f"{API}/logout?wait=true", json={"scope": "all"}, headers=bearer(body["access_token"])
            )
            is_over.set()
            return Position.parse(answer.json()["receipt"]["position"])

        async with asyncio.timeout(30):
            ended_at, *tokens = await asyncio.gather(end(), *map(log_in, range(30)), log_in_after())
        befores = [position_in(token).seq < ended_at.seq for token in tokens]
        assert set(befores) == {True, False}
        for token, is_from_before in zip(tokens, befores, strict=True):
            answer = await client.get(f"{API}/me", headers=bearer(token))
            assert (answer.status_code == 401) is is_from_before


@pytest.mark.parametrize("ending", ["logout", "password", "suspension"])
async def test_a_refresh_that_races_with_an_ending_gains_nothing(ending: str):
    async with running() as site:
        client, browser = site.client(), site.browser()
        body = await site.register(browser)
        held = [await site.log_in(client, carry="tokens") for _ in range(20)]
        one_is_minted = asyncio.Event()

        async def refresh(login: dict[str, Any]) -> str | None:
            form = {"grant_type": "refresh_token", "refresh_token": login["refresh_token"]}
            answer = await client.post(f"{API}/token", data=form)
            token: str | None = answer.json().get("access_token")
            if token is not None:
                one_is_minted.set()
            return token

        async def end() -> None:
            await one_is_minted.wait()
            if ending == "logout":
                await browser.post(f"{API}/logout", json={"scope": "others"})
            elif ending == "password":
                await browser.post(f"{API}/password", json={"current": PASSWORD, "new": "two odd tall elms"})
            else:
                await site.auth.suspend(body["user"]["id"])

        first, second = held[:10], held[10:]
        async with asyncio.timeout(30):
            early, _, late = await asyncio.gather(
                asyncio.gather(*map(refresh, first)), end(), asyncio.gather(*map(refresh, second))
            )
        assert set(early + late) != {None}
        for token in [*early, *late, *[login["access_token"] for login in held]]:
            if token is not None:
                assert (await client.get(f"{API}/me", headers=bearer(token))).status_code == 401
        for login in held:
            assert await refresh(login) is None
