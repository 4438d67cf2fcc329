"""The store is away, or fails in the middle of a change: nobody is a stranger, is let in, or hears that it is done.

ST-11, FD-15, FD-16, ST-12.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import pytest

from coatcheck.errors import OutcomeUnknown, StoreUnavailable
from coatcheck.settings import RevocationSettings
from coatcheck.stores.memory.store import MemoryStore
from coatcheck.stores.port import Committed, Registry, Transaction
from tests.site import API, PASSWORD, bearer, code_of, running

pytestmark = pytest.mark.anyio

Result = TypeVar("Result")
LEASE = timedelta(seconds=5)


class Failing(MemoryStore):
    """A memory store that can be away, or break off at the end of a change."""

    is_away = False
    breaks_off: type[Exception] | None = None

    async def read(self, work: Callable[[Transaction], Result], *, needs_snapshot: bool = True) -> Result:
        self._require()
        return await super().read(work, needs_snapshot=needs_snapshot)

    async def write(self, work: Callable[[Transaction], Result], *, durable: bool = True) -> Result:
        return await super().write(self._broken_off(work), durable=durable)

    async def commit(self, work: Callable[[Transaction], Result], *, awaited: bool = False) -> Committed[Result]:
        return await super().commit(self._broken_off(work), awaited=awaited)

    async def read_registry(self, work: Callable[[Registry], Result]) -> Result:
        self._require()
        return await super().read_registry(work)

    async def write_registry(self, work: Callable[[Registry], Result], *, durable: bool = True) -> Result:
        self._require()
        return await super().write_registry(work, durable=durable)

    def _broken_off(self, work: Callable[[Transaction], Result]) -> Callable[[Transaction], Result]:
        self._require()

        def broken_off(tx: Transaction) -> Result:
            result = work(tx)
            if self.breaks_off is not None:
                raise self.breaks_off
            return result

        return broken_off

    def _require(self) -> None:
        if self.is_away:
            raise StoreUnavailable


@pytest.mark.parametrize("carry", ["header", "tokens"])
@pytest.mark.parametrize("policy", ["online", "deny", "accept"])
async def test_without_store_and_lease_nobody_is_a_stranger_and_nobody_new_gets_in(policy: str, carry: str):
    store = Failing()
    async with running(store, revocation=RevocationSettings(policy=policy, accept_for=timedelta(minutes=5))) as site:
        client = site.client()
        body = await site.register(client, carry=carry)
        unseen = (await site.log_in(client, carry="header"))["session_token"]
        known = body.get("session_token") or body["access_token"]
        await site.auth.check(known)
        store.is_away = True
        await site.auth.check(known)
        site.clock.advance(LEASE)
        if policy == "accept":
            await site.auth.check(known)
            site.clock.advance(timedelta(minutes=5))
        for token in (known, unseen):
            answer = await client.get(f"{API}/me", headers=bearer(token))
            assert (answer.status_code, code_of(answer)) in [(503, "store.unavailable"), (503, "checking.stale")]
            assert "retry-after" in answer.headers
        forged = f"{unseen[:-1]}{'A' if unseen[-1] != 'A' else 'B'}"
        assert code_of(await client.get(f"{API}/me", headers=bearer(forged))) == "token.invalid"


async def test_whoever_logs_in_meanwhile_is_not_told_that_the_password_is_wrong():
    store = Failing()
    async with running(store) as site:
        client = site.client()
        body = await site.register(client, carry="tokens")
        store.is_away = True
        for email in ("ann@example.com", "nobody@example.com"):
            answer = await client.post(f"{API}/login", json={"email": email, "password": PASSWORD})
            assert (answer.status_code, code_of(answer)) == (503, "store.unavailable")
        form = {"grant_type": "refresh_token", "refresh_token": body["refresh_token"]}
        answer = await client.post(f"{API}/token", data=form)
        assert (answer.status_code, code_of(answer)) == (503, "store.unavailable")
        store.is_away = False
        assert (await client.post(f"{API}/token", data=form)).status_code == 200


@pytest.mark.parametrize("failure", [StoreUnavailable, OutcomeUnknown])
@pytest.mark.parametrize("wait", ["", "?wait=true"])
async def test_an_ending_that_was_not_committed_is_never_reported_as_done(failure: type[Exception], wait: str):
    store = Failing()
    async with running(store) as site:
        root, browser = await site.administrator(), site.browser()
        body = await site.register(browser)
        session, user = body["session"]["id"], body["user"]["id"]
        store.breaks_off = failure
        answers = [
            await browser.post(f"{API}/logout{wait}", json={}),
            await browser.delete(f"{API}/sessions/{session}{wait}"),
            await root.patch(f"{API}/admin/users/{user}{wait}", json={"status": "suspended"}),
            await root.post(f"{API}/admin/users/{user}/compromised{wait}", json={"reason": "a test"}),
            await root.delete(f"{API}/admin/users/{user}{wait}"),
            await root.post(f"{API}/admin/end-everything{wait}", json={"reason": "a test"}),
        ]
        assert [answer.status_code for answer in answers] == [503] * 6
        assert not any("set-cookie" in answer.headers for answer in answers)
        store.breaks_off = None
        assert (await browser.get(f"{API}/me")).json()["user"]["status"] == "active"  # nothing of it was kept
