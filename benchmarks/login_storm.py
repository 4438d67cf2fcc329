"""What a storm of logins does to checks, and to everything else on the event loop.

Every millisecond a credential is checked, beside clients that log in without a pause. *check* is what the check took,
*late* how much later than planned the event loop came to it, and *logins* how many there were in a second. Once with
the hashing pool, once with plain threads as ``asyncio.to_thread`` has them, once idle, a second of each in turns.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from statistics import quantiles

from benchmarks.figure import Figure, figure
from coatcheck import Auth, Settings
from coatcheck.errors import LoginBusy
from coatcheck.passwords.argon2 import PasswordHasher
from coatcheck.passwords.pool import HashingPool
from coatcheck.settings import PasswordSettings
from coatcheck.testing import fast_passwords, login_as

CLIENTS = 32
BEAT = 0.001


def measure(rounds: int = 8) -> dict[str, Figure]:
    """Return, by kind: what a check took (p50, p99), how late it came (p50, p99) and logins per second; the ratios to
    idle; and a single hash's time."""
    return asyncio.run(_measure(rounds))


async def _measure(rounds: int) -> dict[str, Figure]:
    settings = PasswordSettings()
    hasher, pool = PasswordHasher(settings), HashingPool(settings)
    figures = {"one hash": figure(_hash_milliseconds(hasher), "ms")}

    async def pooled(client: int) -> None:
        await pool.run(hasher.verify, None, "guess", address=f"198.51.100.{client}")

    async def threaded(_: int) -> None:
        await asyncio.to_thread(hasher.verify, None, "guess")

    kinds = {"idle": None, "pool": pooled, "threads": threaded}
    storms = {kind: _Storm() for kind in kinds}
    async with Auth(Settings(database="memory:", passwords=fast_passwords())) as auth:
        login = await login_as(auth, "ann@example.com")
        token = login.headers["cookie"].partition("=")[2].encode()
        await auth.check(token)
        for _ in range(rounds):
            for kind, log_in in kinds.items():
                await storms[kind].blow(log_in, lambda: auth.checker.check(token))
    pool.close()
    for kind, storm in storms.items():
        figures |= {f"{kind}, {name}": figure(value, unit) for name, (value, unit) in storm.figures(rounds).items()}
    for kind, goal in (("pool", 2.0), ("threads", None)):
        for name in ("check", "late"):
            ratio = figures[f"{kind}, {name}, p99"]["value"] / figures[f"idle, {name}, p99"]["value"]
            figures[f"{kind} ÷ idle, {name}, p99"] = figure(ratio, "", goal=goal)
    return figures


def _hash_milliseconds(hasher: PasswordHasher) -> float:
    took = []
    for _ in range(20):
        began = time.perf_counter()
        hasher.pretend()
        took.append(time.perf_counter() - began)
    return sorted(took)[10] * 1000


class _Storm:
    """What was measured under one kind of storm, in seconds."""

    def __init__(self) -> None:
        self.checks: list[float] = []
        self.late: list[float] = []
        self.logins = 0

    async def blow(
        self, log_in: Callable[[int], Awaitable[None]] | None, check: Callable[[], object], seconds: float = 1.0
    ) -> None:
        """Add ``seconds`` of it."""
        clock = time.perf_counter
        ends = clock() + seconds

        async def client(number: int) -> None:
            while log_in is not None and clock() < ends:
                try:
                    await log_in(number)
                    self.logins += 1
                except LoginBusy:
                    await asyncio.sleep(0.05)

        clients = [asyncio.ensure_future(client(number)) for number in range(CLIENTS)]
        while (planned := clock() + BEAT) < ends:
            await asyncio.sleep(BEAT)
            began = clock()
            check()
            self.checks.append(clock() - began)
            self.late.append(max(0.0, began - planned))
        await asyncio.gather(*clients)

    def figures(self, seconds: float) -> dict[str, tuple[float, str]]:
        """What it comes to."""
        checks, late = quantiles(self.checks, n=1000), quantiles(self.late, n=1000)
        return {
            "check, p50": (checks[499] * 1e6, "µs"),
            "check, p99": (checks[989] * 1e6, "µs"),
            "late, p50": (late[499] * 1e3, "ms"),
            "late, p99": (late[989] * 1e3, "ms"),
            "late, most": (max(self.late) * 1e3, "ms"),
            "logins": (self.logins / seconds, "/s"),
        }


if __name__ == "__main__":
    for title, measured in measure().items():
        print(f"{title:24} {measured['value']:10.2f} {measured['unit']}")
