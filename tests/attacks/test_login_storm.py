"""LG-16, FT-13: 500 logins at once. Few hashes run, memory is bounded, the rest is refused soon, other work goes on."""

import asyncio
import resource
import sys
import threading
import time
from collections import Counter
from typing import Any

import pytest

from coatcheck.errors import LoginBusy
from coatcheck.passwords.argon2 import PasswordHasher
from coatcheck.passwords.pool import HashingPool
from coatcheck.settings import PasswordSettings
from coatcheck.stores.port import Store
from coatcheck.testing import fast_passwords
from tests.passwords.full_pool import Gate, fill
from tests.site import API, PASSWORD, Site, code_of, running

LOGINS = 500


def peak_rss_kib() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak


def test_a_storm_takes_the_memory_of_its_workers_and_refuses_the_rest_within_two_seconds() -> None:
    settings = PasswordSettings(workers=2)
    hasher, pool = PasswordHasher(settings), HashingPool(settings)
    lock, running, most_running = threading.Lock(), 0, 0

    def verify(password: str) -> bool:
        nonlocal running, most_running
        with lock:
            running += 1
            most_running = max(most_running, running)
        try:
            return hasher.verify(None, password)
        finally:
            with lock:
                running -= 1

    async def login(n: int) -> tuple[str, float]:
        began = time.perf_counter()
        try:
            await pool.run(verify, f"guess {n}", address=f"198.51.{n // 250}.{n % 250}")
        except LoginBusy:
            return "busy", time.perf_counter() - began
        return "answered", time.perf_counter() - began

    async def scenario() -> list[tuple[str, float]]:
        return await asyncio.gather(*(login(n) for n in range(LOGINS)))

    before = peak_rss_kib()
    outcomes = asyncio.run(scenario())
    assert most_running <= 2
    assert peak_rss_kib() - before < 2 * settings.memory_kib + 64 * 1024
    assert sum(kind == "answered" for kind, _ in outcomes) == 2 + settings.queue * 3 // 4
    assert max(took for kind, took in outcomes if kind == "busy") < 2
    pool.close()


def test_the_owner_on_a_known_device_gets_in_during_the_storm() -> None:
    settings = PasswordSettings(workers=1, memory_kib=1024, iterations=1)
    hasher, pool = PasswordHasher(settings), HashingPool(settings)
    stored = hasher.hash("the owner's password")
    over = False

    async def attack(n: int) -> int:
        refused = 0
        while not over:
            try:
                await pool.run(hasher.verify, stored, "guess", address=f"198.51.{n // 250}.{n % 250}")
            except LoginBusy:
                refused += 1
                await asyncio.sleep(0.02)
        return refused

    async def scenario() -> None:
        nonlocal over
        attackers = [asyncio.ensure_future(attack(n)) for n in range(200)]
        await asyncio.sleep(0.05)
        with pytest.raises(LoginBusy):
            await pool.run(hasher.verify, stored, "guess", address="203.0.113.1")
        for _ in range(20):
            assert await pool.run(hasher.verify, stored, "the owner's password", address="203.0.113.1", familiar=True)
        over = True
        assert sum(await asyncio.gather(*attackers)) > 100

    asyncio.run(scenario())
    pool.close()


class Counted:
    """The store as the flows see it: counts what they ask, and nothing that runs by itself."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.asked: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        self.asked[name] += 1
        return getattr(self._store, name)


@pytest.mark.anyio
async def test_whom_nobody_has_time_for_costs_the_store_nothing():
    """What was counted, and taken back, for each guess of a storm held up the store, and with it everybody else."""
    async with running(passwords=fast_passwords(queue=8)) as site:
        await site.register(site.browser())
        known = await site.log_in(site.client(), carry="tokens")
        gate = Gate()
        jobs = await fill(site.auth._ready.pool, gate, 6)
        store = Counted(site.auth._ready.store)
        object.__setattr__(site.auth._ready, "store", store)
        for path, person in (("login", "ann"), ("login", "nobody"), ("register", "new")):
            assert await guess(site, path, person) == "login.busy"
        assert not store.asked
        assert await guess(site, "login", "ann", device_token="ccd_invented") == "login.busy"
        assert store.asked == {"read": 1}, "whether that device is known, and no more"
        owner = asyncio.ensure_future(site.log_in(site.client(), carry="tokens", device_token=known["device_token"]))
        await asyncio.sleep(0.05)
        assert not owner.done()
        gate.opened.set()
        assert "access_token" in await owner
        await asyncio.gather(*jobs)


async def guess(site: Site, path: str, person: str, **more: str) -> str:
    body = {"email": f"{person}@example.com", "password": PASSWORD, "carry": "tokens", **more}
    return code_of(await site.client("198.51.100.9").post(f"{API}/{path}", json=body))
