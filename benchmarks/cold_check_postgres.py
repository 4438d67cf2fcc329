"""A cold check on PostgreSQL beside the least that any check against a row could cost.

*Cold check* is ``StoreAuthority.look_up``: one statement on the primary that reads a login by the digest of its secret,
its owner and the head of the log, all true at one position. *Bare read* is one primary-key look-up of a row with the
same columns through psycopg's own asyncio connections, prepared, autocommit, from a pool of as many connections; the
pool is a queue and does nothing else. Both in turns in one process, one by one and thirty-two at once.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import psycopg

from benchmarks import filling
from benchmarks.figure import Figure, figure
from coatcheck.stores.authority import StoreAuthority
from coatcheck.stores.open import store_for
from coatcheck.stores.postgres.store import LOOK_UPS
from coatcheck.stores.sql.tables import sessions
from tests.postgres import PostgresServer

LOGINS = 10_000
AT_ONCE = 32
TURNS = 60
READS = 200
"""In each turn: few, so that whatever else the machine does befalls both alike."""

Ask = Callable[[int], Awaitable[object]]


def measure() -> dict[str, Figure]:
    """Microseconds for one alone, answers per second at many at once, and both as ratios: the medians of all turns."""
    with tempfile.TemporaryDirectory(prefix="coatcheck-benchmark-") as folder, PostgresServer(Path(folder)) as server:
        return asyncio.run(compared(server.new_database(), LOGINS))


async def compared(url: str, logins: int, *, is_filled: bool = False) -> dict[str, Figure]:
    """Fill the database at ``url`` unless that was done, and measure."""
    numbers = filling.live(logins)
    async with AsyncExitStack() as stack:
        store = store_for(url)
        await store.open()
        stack.push_async_callback(store.close)
        if not is_filled:
            await asyncio.to_thread(filling.fill, url, logins)
        authority = StoreAuthority(store, lambda: datetime.now(UTC))
        bare = await stack.enter_async_context(_bare(url))

        async def cold(number: int) -> None:
            found = await authority.look_up(filling.look_up_of(number))
            assert found.record is not None

        alone: list[tuple[float, float]] = []
        together: list[tuple[float, float]] = []
        for turn in range(TURNS + 1):
            some = [numbers[(turn * READS + at) * 7919 % len(numbers)] for at in range(READS)]
            alone.append((await _seconds(cold, some, 1), await _seconds(bare, some, 1)))
            together.append((await _seconds(cold, some, AT_ONCE), await _seconds(bare, some, AT_ONCE)))
    del alone[0], together[0]  # connections, plans and caches
    return {
        "cold check": figure(median(ours for ours, _ in alone) / READS * 1e6, "µs"),
        "bare read": figure(median(theirs for _, theirs in alone) / READS * 1e6, "µs"),
        "cold check ÷ bare read": figure(median(ours / theirs for ours, theirs in alone), goal=2.0),
        f"cold checks, {AT_ONCE} at once": figure(READS / median(ours for ours, _ in together), "/s", at_least=True),
        f"bare reads, {AT_ONCE} at once": figure(READS / median(theirs for _, theirs in together), "/s", at_least=True),
        f"cold check ÷ bare read, {AT_ONCE} at once": figure(median(o / t for o, t in together), goal=2.0),
    }


@asynccontextmanager
async def _bare(url: str) -> AsyncIterator[Ask]:
    """One read of a row by its primary key, over the first connection that is free."""
    free: asyncio.LifoQueue[psycopg.AsyncConnection[Any]] = asyncio.LifoQueue()
    for _ in range(LOOK_UPS):
        free.put_nowait(await psycopg.AsyncConnection.connect(url, autocommit=True))
    statement = f"SELECT * FROM {sessions.name} WHERE id = %s"  # noqa: S608

    async def read(number: int) -> None:
        connection = await free.get()
        try:
            cursor = await connection.execute(statement, [filling.session_id(number)], prepare=True)
            assert await cursor.fetchone() is not None
        finally:
            free.put_nowait(connection)

    try:
        yield read
    finally:
        for _ in range(LOOK_UPS):
            await (await free.get()).close()


async def _seconds(ask: Ask, numbers: list[int], at_once: int) -> float:
    waiting = iter(numbers)

    async def some() -> None:
        for number in waiting:
            await ask(number)

    began = perf_counter()
    await asyncio.gather(*(some() for _ in range(at_once)))
    return perf_counter() - began
