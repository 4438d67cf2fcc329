"""What everything costs with many logins in PostgreSQL, beside ten thousand.

    BENCH_SESSIONS=10000000 python -m benchmarks scale_postgres

Fills one database with 10,000 logins of 1,000 people and another one, on the same server, with as many as that variable
says (default 200,000; ten million take ten minutes, 20 GB of disk and 7 GB of memory), reads both into the server's
memory, then measures both in turns. A login is one without the hashing of its password, which costs the same
everywhere. *With a purge* is while another server purges what is spent, batch after batch as it does every minute; how
long logins take meanwhile is compared with when none is purged.
"""

import asyncio
import os
import random
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles

import psycopg

from benchmarks import filling
from benchmarks.figure import Figure, figure
from coatcheck import Auth, Settings
from coatcheck.model.client import Client
from coatcheck.model.session import Carry
from coatcheck.stores.authority import StoreAuthority
from coatcheck.stores.open import store_for
from coatcheck.stores.sql.tables import audit, sessions, users
from coatcheck.testing import fast_passwords
from coatcheck.upkeep.purge import BATCH, KEEP_ENDED, purge
from tests.postgres import PostgresServer

FEW = 10_000
MANY = int(os.environ.get("BENCH_SESSIONS", "200000"))
TIMES = 500
WARMING = 40
PURGED_AT_ONCE = 100
SEARCHES = 9
CLIENTS = 4
STORM_SECONDS = 3.0
SECRET = "made up for this benchmark, and random enough: 4kq9zx"
PASSWORD = "three quiet herons wade"
SERVER = {"shared_buffers": "6GB", "max_wal_size": "4GB", "checkpoint_timeout": "15min"}

random.seed(4)


def measure() -> dict[str, Figure]:
    """Bytes, and milliseconds of each flow with many logins, with their ratios to those with few."""
    with (
        tempfile.TemporaryDirectory(prefix="coatcheck-benchmark-") as folder,
        PostgresServer(Path(folder), options=SERVER) as server,
    ):
        return asyncio.run(compared({FEW: server.new_database(), MANY: server.new_database()}))


async def compared(urls: dict[int, str]) -> dict[str, Figure]:
    """Fill each of these databases with so many logins, unless it is full, and measure all of them in turns."""
    async with AsyncExitStack() as stack:
        sites = [await stack.enter_async_context(_Site(url, logins)) for logins, url in urls.items()]
        for site in sites:
            await site.fill()
        few, many = sites
        figures = _bytes(few, many)
        for flow in (_Site.check, _Site.list_devices, _Site.log_in, _Site.revoke):
            for turn in range(TIMES + WARMING):
                for site in sites if turn % 2 else sites[::-1]:
                    await site.measure(flow, counts=turn >= WARMING)
        for _ in range(FEW // filling.SPENT_SHARE // PURGED_AT_ONCE):
            for site in sites:
                await site.measure(_Site.purge_some)
        for name, flow in _FLOWS.items():
            of_few, of_many = median(few.took[flow]), median(many.took[flow])
            figures[f"{name}, {few.logins:,} sessions"] = figure(of_few * 1000, "ms")
            figures[f"{name}, {many.logins:,} sessions"] = figure(of_many * 1000, "ms")
            figures[f"{name}, {many.logins:,} ÷ {few.logins:,}"] = figure(of_many / of_few, goal=1.5)
        for site in sites:
            for _ in range(SEARCHES):
                await site.measure(_Site.search)
            people = f"{site.logins // filling.PEOPLE_SHARE:,} people"
            figures[f"search by a part of a name, {people}"] = figure(median(site.took[_Site.search]) * 1000, "ms")
        return figures | await _storm(many)


def _bytes(few: "_Site", many: "_Site") -> dict[str, Figure]:
    figures = {}
    for what, of_few, of_many in zip(("session", "user", "audit entry"), few.bytes(), many.bytes(), strict=True):
        figures[f"bytes for each {what}, {few.logins:,} sessions"] = figure(of_few)
        figures[f"bytes for each {what}, {many.logins:,} sessions"] = figure(of_many)
        figures[f"bytes for each {what}, {many.logins:,} ÷ {few.logins:,}"] = figure(of_many / of_few, goal=1.5)
    return figures


async def _storm(site: "_Site") -> dict[str, Figure]:
    """Logins without a pause, by turns alone and beside a purge."""
    alone: list[float] = []
    beside: list[float] = []
    batches: list[float] = []
    for _ in range(4):
        alone += await site.logins_for(STORM_SECONDS)
        purging = asyncio.create_task(site.purge_for(STORM_SECONDS))
        beside += await site.logins_for(STORM_SECONDS)
        batches += await purging
    p99_alone, p99_beside = quantiles(alone, n=100)[98], quantiles(beside, n=100)[98]
    return {
        "rows purged meanwhile": figure(len(batches) * BATCH),
        "a batch of the purge, p50": figure(median(batches) * 1000, "ms"),
        "login without a purge, p50": figure(median(alone) * 1000, "ms"),
        "login with a purge, p50": figure(median(beside) * 1000, "ms"),
        "login without a purge, p99": figure(p99_alone * 1000, "ms"),
        "login with a purge, p99": figure(p99_beside * 1000, "ms"),
        "login p99, with ÷ without a purge": figure(p99_beside / p99_alone, goal=1.5),
    }


@dataclass
class _Site:
    """A server over one of the databases, and what each flow took there, in seconds."""

    url: str
    logins: int
    took: dict[Callable[["_Site"], Awaitable[None]], list[float]] = field(default_factory=dict)

    async def __aenter__(self) -> "_Site":
        settings = Settings(database=self.url, secrets=(SECRET,), passwords=fast_passwords())
        self.auth = await Auth(settings).__aenter__()
        for task in self.auth._running._tasks:
            if task.get_name() == "coatcheck-purge":  # its time is when it is measured
                task.cancel()
        self.authority = StoreAuthority(self.auth.store, lambda: datetime.now(UTC))
        self.elsewhere = store_for(self.url)
        await self.elsewhere.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.elsewhere.close()
        await self.auth.__aexit__(None, None, None)

    async def fill(self) -> None:
        """Put everybody in, unless they are there."""
        if await self.auth.get_user(filling.user_id(0)) is None:
            password_hash = self.auth._ready.hasher.hash(PASSWORD)
            await asyncio.to_thread(filling.fill, self.url, self.logins, password_hash=password_hash)
        await asyncio.to_thread(filling.read_into_memory, self.url)

    def bytes(self) -> list[float]:
        """For each login, person and audit entry: table and indexes."""
        with psycopg.connect(self.url) as connection:
            sizes = [
                connection.execute(f"SELECT pg_total_relation_size('{table.name}'), count(*) FROM {table.name}")  # noqa: S608
                for table in (sessions, users, audit)
            ]
            return [size / rows for each in sizes for size, rows in each]

    async def measure(self, flow: Callable[["_Site"], Awaitable[None]], *, counts: bool = True) -> None:
        """Note what one run of ``flow`` takes."""
        began = time.perf_counter()
        await flow(self)
        if counts:
            self.took.setdefault(flow, []).append(time.perf_counter() - began)

    async def log_in(self) -> None:
        """Of anybody."""
        person = random.randrange(self.logins // filling.PEOPLE_SHARE)
        client = Client(address=f"198.51.{random.randrange(100)}.{random.randrange(250)}")
        await self.auth.login(filling.email(person), PASSWORD, carry=Carry.HEADER, client=client)

    async def check(self) -> None:
        """The first sight of a credential."""
        found = await self.authority.look_up(filling.look_up_of(self._somebody()))
        assert found.session_id is not None

    async def list_devices(self) -> None:
        """Of anybody."""
        assert await self.auth.sessions_of(filling.user_id(self._somebody() // filling.PEOPLE_SHARE))

    async def revoke(self) -> None:
        """One login, with the barrier."""
        number = self._somebody()
        receipt = await self.auth.end_session(
            filling.user_id(number // filling.PEOPLE_SHARE), filling.session_id(number), wait=True
        )
        assert receipt is not None

    async def search(self) -> None:
        """For somebody who is not there: everybody is looked at."""
        assert not await self.auth.find_users(query="nobody is called that")

    async def purge_some(self) -> None:
        """Rows of logins that are long over."""
        before = datetime.now(UTC) - KEEP_ENDED
        gone = await self.auth.store.write(
            lambda tx: tx.sessions.purge(ended_before=before, expired_before=before, limit=PURGED_AT_ONCE)
        )
        assert gone == PURGED_AT_ONCE

    async def logins_for(self, seconds: float) -> list[float]:
        """Seconds of each login of some clients that log in without a pause."""
        took = []
        ends = time.perf_counter() + seconds

        async def client() -> None:
            while (began := time.perf_counter()) < ends:
                await self.log_in()
                took.append(time.perf_counter() - began)

        await asyncio.gather(*(client() for _ in range(CLIENTS)))
        return took

    async def purge_for(self, seconds: float) -> list[float]:
        """Seconds of each batch."""
        took = []
        ends = time.perf_counter() + seconds
        while (began := time.perf_counter()) < ends and await purge(self.elsewhere, datetime.now(UTC)) >= BATCH:
            took.append(time.perf_counter() - began)
            await asyncio.sleep(0.05)
        return took

    def _somebody(self) -> int:
        """The number of a login that is neither spent nor over."""
        return random.randrange(self.logins // 20) * 20 + random.choice((2, 3, 4, 6, 7, 8, 9, 11, 12, 13, 14))


_FLOWS = {
    "login": _Site.log_in,
    "cold check": _Site.check,
    "device list": _Site.list_devices,
    "revocation with its barrier": _Site.revoke,
    f"purge of {PURGED_AT_ONCE} rows": _Site.purge_some,
}
