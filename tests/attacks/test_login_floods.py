"""Guesses beyond the limit go on as fast as the network carries them: no logout waits behind them for a write.

LG-01, LG-07, HT-08, HT-10.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import pytest

from coatcheck.settings import AttemptSettings
from coatcheck.stores.memory.store import MemoryStore
from coatcheck.stores.port import Committed, Transaction
from tests.site import API, PASSWORD, code_of, running

pytestmark = pytest.mark.anyio

Result = TypeVar("Result")
LIMIT = AttemptSettings(per_account=5, per_device=5, per_address=10)


class Counting(MemoryStore):
    """A memory store that counts what is written, and what of it has to be forced to the disk."""

    writes = 0
    durable = 0

    async def write(self, work: Callable[[Transaction], Result], *, durable: bool = True) -> Result:
        self.writes += 1
        self.durable += durable
        return await super().write(work, durable=durable)

    async def commit(self, work: Callable[[Transaction], Result], *, awaited: bool = False) -> Committed[Result]:
        self.writes += 1
        self.durable += 1
        return await super().commit(work, awaited=awaited)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("login", {"email": "ann@example.com", "password": "not the password"}),
        ("login", {"email": "nobody@example.com", "password": "not the password"}),
        ("register", {"email": "ann@example.com", "password": PASSWORD}),
        ("reauthenticate", {"password": "not the password"}),
    ],
)
async def test_what_is_beyond_the_limit_is_refused_without_a_write(path: str, body: dict[str, Any]):
    store = Counting()
    async with running(store, attempts=LIMIT) as site:
        browser = site.browser()
        await site.register(browser)
        store.durable = 0
        for _ in range(20):
            last = await browser.post(f"{API}/{path}", json=body)
        assert store.durable <= (LIMIT.per_account if path == "register" else 0)  # tried: the address was taken
        store.writes = 0
        for _ in range(50):
            last = await browser.post(f"{API}/{path}", json=body)
            assert code_of(last) == "attempts.exceeded"
            assert 0 < int(last.headers["retry-after"]) <= 900
        assert store.writes == 0


async def test_the_limit_ends_with_its_window_however_long_the_flood():
    async with running(attempts=LIMIT) as site:
        await site.register(site.browser())
        stranger = site.client("198.51.100.1")
        login = {"email": "ann@example.com", "password": PASSWORD}
        for _ in range(5):
            await stranger.post(f"{API}/login", json={**login, "password": "wrong"})
        for _ in range(29):
            assert code_of(await stranger.post(f"{API}/login", json=login)) == "attempts.exceeded"
            site.clock.advance(timedelta(seconds=30))
        site.clock.advance(timedelta(seconds=30))
        assert (await stranger.post(f"{API}/login", json=login)).status_code == 200


async def test_a_window_that_a_wrong_clock_began_locks_nobody_out_for_longer():
    async with running(attempts=LIMIT) as site:
        await site.register(site.browser())
        stranger = site.client("198.51.100.1")
        login = {"email": "ann@example.com", "password": PASSWORD}
        right = site.clock.now
        site.clock.set(right + timedelta(days=30))
        for _ in range(5):
            await stranger.post(f"{API}/login", json={**login, "password": "wrong"})
        site.clock.set(right)
        assert code_of(await stranger.post(f"{API}/login", json=login)) == "attempts.exceeded"
        site.clock.advance(timedelta(minutes=15))
        assert (await stranger.post(f"{API}/login", json=login)).status_code == 200
