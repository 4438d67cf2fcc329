"""Cold checks: the first sight of a session at a process, which has to ask.

Two servers share a store. One has seen every session; the other one checks them all for the first time, thirty-two at
once and one by one. With Redis it finds there what the first one read; without it asks the store. Checked per second,
and microseconds for one. ``BENCH_DATABASE_URL`` names a database other than SQLite; its tables are made there,
and what is measured stays in it.
"""

import asyncio
import os
import tempfile
from datetime import timedelta
from pathlib import Path
from time import perf_counter

from benchmarks.figure import Figure, figure
from coatcheck import Auth, Settings
from coatcheck.settings import SessionSettings
from coatcheck.testing import fast_passwords
from tests.redis_server import RedisServer

SECRET = "a secret for measuring, which opens nothing"
SESSIONS = 2_000
AT_ONCE = 32
PASSWORD = "three quiet herons wade"


def settings(database: str, cache: str | None) -> Settings:
    """Of both servers."""
    return Settings(
        database=database,
        cache=cache,
        secrets=(SECRET,),
        passwords=fast_passwords(),
        sessions=SessionSettings(at_most=0, flush_touches_every=timedelta(minutes=1)),
    )


async def tokens_of(auth: Auth, sessions: int) -> list[bytes]:
    """Sessions of one person; the first server has not seen them either."""
    email = f"person{os.urandom(8).hex()}@example.com"
    first = await auth.register(email, PASSWORD)
    logins = [first, *[await auth.login(email, PASSWORD) for _ in range(sessions - 1)]]
    return [(login.credentials.session_token or "").encode() for login in logins]


async def seconds_of(auth: Auth, tokens: list[bytes], at_once: int) -> float:
    """Check every token once."""
    waiting = iter(tokens)

    async def some() -> None:
        for token in waiting:
            await auth.check(token)

    began = perf_counter()
    await asyncio.gather(*(some() for _ in range(at_once)))
    return perf_counter() - began


async def cold(database: str, cache: str | None) -> tuple[float, float]:
    """Checks per second at many at once, and microseconds for one alone; the best of three."""
    rates, alone = [], []
    async with Auth(settings(database, cache), name="first") as first:
        tokens = await tokens_of(first, SESSIONS)
        await seconds_of(first, tokens, AT_ONCE)
        await asyncio.sleep(0.2)
        for _ in range(3):
            async with Auth(settings(database, cache), name="second") as second:
                few = tokens[: SESSIONS // 4]
                alone.append(await seconds_of(second, few, 1) / len(few) * 1e6)
                rest = tokens[SESSIONS // 4 :]
                rates.append(len(rest) / await seconds_of(second, rest, AT_ONCE))
    return max(rates), min(alone)


def measure() -> dict[str, Figure]:
    """With and without Redis, which here is on the same machine as everything else."""
    figures: dict[str, Figure] = {}
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder) / "redis") as redis:
        database = os.environ.get("BENCH_DATABASE_URL") or f"sqlite:///{folder}/bench.db"
        kind = database.partition(":")[0]
        for name, cache in (("without Redis", None), ("with Redis", redis.url)):
            rate, alone = asyncio.run(cold(database, cache))
            figures[f"{kind}, {name}: {AT_ONCE} at once"] = figure(rate, "checks/s", at_least=True)
            figures[f"{kind}, {name}: one by one"] = figure(alone, "µs")
    return figures
