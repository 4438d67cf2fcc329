"""What a storm of logins does to everything else on the event loop.

A heartbeat of one millisecond runs beside clients that log in without a pause: how late is it, and how many logins per
second are there? Once with the hashing pool, once with plain threads as ``asyncio.to_thread`` has them, once idle.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from statistics import quantiles

from benchmarks.figure import Figure, figure
from coatcheck.errors import LoginBusy
from coatcheck.passwords.argon2 import PasswordHasher
from coatcheck.passwords.pool import HashingPool
from coatcheck.settings import PasswordSettings

CLIENTS = 32
BEAT = 0.001


def measure(seconds: float = 5.0) -> dict[str, Figure]:
    """Return lateness (p50, p99, most) and logins per second, by kind; and a single hash's time."""
    settings = PasswordSettings()
    hasher, pool = PasswordHasher(settings), HashingPool(settings)
    figures = {"one hash": figure(_hash_milliseconds(hasher), "ms")}

    async def pooled(client: int) -> None:
        await pool.run(hasher.verify, None, "guess", address=f"198.51.100.{client}")

    async def threaded(_: int) -> None:
        await asyncio.to_thread(hasher.verify, None, "guess")

    for name, login in (("idle", None), ("pool", pooled), ("threads", threaded)):
        late, logins = asyncio.run(_storm(login, seconds))
        cuts = quantiles(late, n=1000)
        figures[f"{name}, late, p50"] = figure(cuts[499] * 1000, "ms")
        figures[f"{name}, late, p99"] = figure(cuts[989] * 1000, "ms", goal=10.0 if name == "pool" else None)
        figures[f"{name}, late, most"] = figure(max(late) * 1000, "ms")
        figures[f"{name}, logins"] = figure(logins / seconds, "/s")
    pool.close()
    return figures


def _hash_milliseconds(hasher: PasswordHasher) -> float:
    took = []
    for _ in range(20):
        began = time.perf_counter()
        hasher.pretend()
        took.append(time.perf_counter() - began)
    return sorted(took)[10] * 1000


async def _storm(login: Callable[[int], Awaitable[None]] | None, seconds: float) -> tuple[list[float], int]:
    ends = time.perf_counter() + seconds
    logins = 0

    async def client(number: int) -> None:
        nonlocal logins
        while login is not None and time.perf_counter() < ends:
            try:
                await login(number)
                logins += 1
            except LoginBusy:
                await asyncio.sleep(0.05)

    clients = [asyncio.ensure_future(client(number)) for number in range(CLIENTS)]
    late = []
    while (now := time.perf_counter()) < ends:
        await asyncio.sleep(BEAT)
        late.append(max(0.0, time.perf_counter() - now - BEAT))
    await asyncio.gather(*clients)
    return late, logins


if __name__ == "__main__":
    for title, measured in measure().items():
        print(f"{title:24} {measured['value']:10.2f} {measured['unit']}")
