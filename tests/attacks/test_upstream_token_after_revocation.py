"""FD-01, RF-16: what a gateway passes on is asked for again after the login, the role or the key is gone.

The token for the upstream is remembered for half of its life. A copy that is handed out once more after a revocation
has taken effect here would carry it past every checker that only looks at the gateway.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from coatcheck.settings import TokenSettings
from coatcheck.stores.memory import MemoryStore
from tests.site import API, Site, bearer, code_of, running

pytestmark = pytest.mark.anyio

Ends = Callable[[Site, str, str], Awaitable[object]]
TOKENS = TokenSettings(audiences=("orders",))


async def _session(site: Site, user_id: str, session_id: str) -> None:
    await site.auth.end_session(user_id, session_id)


async def _all_of_one(site: Site, user_id: str, _: str) -> None:
    await site.auth.logout_everywhere(user_id)


async def _everything(site: Site, *_: str) -> None:
    await site.auth.end_everything(reason="a test")


async def _suspended(site: Site, user_id: str, _: str) -> None:
    await site.auth.suspend(user_id)


async def _deleted(site: Site, user_id: str, _: str) -> None:
    await site.auth.delete_user(user_id)


async def _compromised(site: Site, user_id: str, _: str) -> None:
    await site.auth.mark_compromised(user_id, reason="a test")


class Slow(MemoryStore):
    """A store in which a write, once it is done, can be held back from whoever waits for it."""

    __slots__ = ("may_go_on", "was_written")

    def __init__(self) -> None:
        super().__init__()
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self.was_written = asyncio.Event()

    async def write(self, work, **how):
        return await self._hold_back(await super().write(work, **how))

    async def commit(self, work, **how):
        return await self._hold_back(await super().commit(work, **how))

    async def _hold_back(self, result):
        self.was_written.set()
        await self.may_go_on.wait()
        return result


@pytest.mark.parametrize("carry", ["header", "tokens"])
@pytest.mark.parametrize("ends", [_session, _all_of_one, _everything, _suspended, _deleted, _compromised])
async def test_nothing_is_handed_out_once_the_login_is_over(ends: Ends, carry: str):
    async with running(tokens=TOKENS) as site:
        client = site.client()
        body = await site.register(client, carry=carry)
        headers = bearer(body.get("session_token") or body["access_token"])
        assert (await client.get(f"{API}/check", headers=headers)).status_code == 204
        await ends(site, body["user"]["id"], body["session"]["id"])
        answer = await client.get(f"{API}/check", headers=headers)
        assert answer.status_code == 401
        assert "authorization" not in answer.headers


async def test_a_login_that_ends_while_its_token_is_issued_gets_none():
    store = Slow()
    async with running(store, tokens=TOKENS) as site:
        client = site.client()
        body = await site.register(client, carry="header")
        headers = bearer(body["session_token"])
        await client.get(f"{API}/check?identity=headers", headers=headers)
        store.was_written.clear()
        store.may_go_on.clear()
        asked = asyncio.create_task(client.get(f"{API}/check", headers=headers))
        await asyncio.wait_for(store.was_written.wait(), 5)
        ending = asyncio.create_task(site.auth.end_session(body["user"]["id"], body["session"]["id"]))
        await asyncio.sleep(0)
        store.may_go_on.set()
        await ending
        answer = await asked
        later = await client.get(f"{API}/check", headers=headers)
        assert (later.status_code, code_of(later)) == (401, "session.ended")
        assert (answer.status_code, code_of(answer)) == (401, "session.ended")


async def test_a_role_that_was_taken_away_is_in_no_token_that_is_handed_out_afterwards():
    async with running(tokens=TOKENS) as site:
        client = site.client()
        body = await site.register(client, carry="header")
        headers = bearer(body["session_token"])
        await site.auth.set_roles(body["user"]["id"], ("editor",))
        before = await client.get(f"{API}/check?role=editor", headers=headers)
        await site.auth.set_roles(body["user"]["id"], ())
        after = await client.get(f"{API}/check", headers=headers)
        told = [_token(answer) for answer in (before, after)]
        roles = [(await site.auth.check(token, audience="orders")).roles for token in told[1:]]
        assert roles == [frozenset()]
        assert told[0] != told[1]
        assert (await client.get(f"{API}/check?role=editor", headers=headers)).status_code == 403


async def test_a_token_of_a_revoked_key_is_replaced_by_one_of_the_next():
    async with running(tokens=TOKENS) as site:
        client = site.client()
        body = await site.register(client, carry="header")
        site.clock.advance(timedelta(seconds=20))  # by now the upcoming key may sign
        headers = bearer(body["session_token"])
        before = _token(await client.get(f"{API}/check", headers=headers))
        (current,) = [key for key in await site.auth.keys() if key.status == "current"]
        await site.auth.revoke_key(current.kid, reason="a test")
        after = _token(await client.get(f"{API}/check", headers=headers))
        assert before != after
        await site.auth.check(after, audience="orders")


async def test_a_token_for_an_upstream_buys_nothing_here():
    """Else an upstream could act as the person whom it serves, or renew what it was given for as long as it likes."""
    async with running(tokens=TOKENS) as site:
        client = site.client()
        body = await site.register(client, carry="header")
        token = _token(await client.get(f"{API}/check", headers=bearer(body["session_token"])))
        form = {"grant_type": "urn:coatcheck:session"}
        answers = [
            await client.get(f"{API}/me", headers=bearer(token)),
            await client.get(f"{API}/check", headers=bearer(token)),
            await client.get(f"{API}/check?audience=orders&identity=headers", headers=bearer(token)),
            await client.post(f"{API}/token", data=form, headers=bearer(token)),
        ]
        assert [answer.status_code for answer in answers] == [401, 401, 401, 400]
        assert {code_of(answer) for answer in answers} == {"token.wrong_audience", "token.wrong_kind"}


def _token(answer) -> str:
    assert answer.status_code == 204
    return str(answer.headers["authorization"].removeprefix("Bearer "))
