"""FT-15: memory and rows after very many logins. Whatever a process keeps has a bound, or goes when its time is over.

``python -m tests.faults.soak.soak <database> <seed> <logins> <megabytes>`` is the process: it prints its figures as
JSON.
"""

import asyncio
import gc
import json
import os
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from statistics import linear_regression
from typing import Any, Final, NamedTuple

from sqlalchemy import func, select

from coatcheck import Auth, Settings
from coatcheck.auth.admission import _MOST_REMEMBERED
from coatcheck.auth.feed import _MOST_RECORDED
from coatcheck.metrics.meter import Meter
from coatcheck.settings import AuditSettings, RevocationSettings, SessionSettings, TokenSettings
from coatcheck.stores.port import Transaction
from coatcheck.stores.sql.tables import PREFIX, attempts, audit, events, session_data, sessions, users
from coatcheck.testing import ManualClock, fast_passwords
from coatcheck.upkeep.janitor import SILENT_LEASES, Janitor
from coatcheck.upkeep.purge import purge
from coatcheck.upkeep.touches import write_touches
from tests.faults.soak.traffic import AUDIENCES, CONNECTIONS, Traffic
from tests.serving import SECRET

MEGABYTES: Final = 1.0
"""By how much memory may grow in 100,000 operations."""

BLOCKS: Final = 100_000
"""And by how many blocks: one for each operation. What is small and many shows here first."""

LIMIT: Final = 150
"""What a checker and a replica may remember: so little that it is soon reached."""

EVENTS: Final = 4 * LIMIT
"""What the log may keep."""

AT_MOST: Final = 6
"""Sessions of one person."""

TURN: Final = timedelta(seconds=5)
"""By how much the clock moves on in each turn: lives and windows end, over and over."""

LEASE: Final = timedelta(minutes=2)
AT_ONCE: Final = 4
"""So many take turns, so that questions to the store meet."""

FULL: Final = {"credentials": LIMIT, "sessions and users in the replica": LIMIT, "sessions of one person": AT_MOST}
"""What has to be seen at its bound, and never above it."""

BOUNDS: Final = FULL | {
    "news ahead of the log": 0,
    "keys to check with": 5,
    "keys to sign with": 5,
    "look-ups under way": 0,
    "last seen, not written": CONNECTIONS,
    "connections": CONNECTIONS,
    "connections in doubt": CONNECTIONS,
    "feed questions": 0,
    "feed registrations": _MOST_RECORDED,
    "feed credentials": _MOST_REMEMBERED,
    "barriers": 0,
    "passwords": 0,
    "kinds of outcomes": 50,
    "rows of events": EVENTS + 500,
}
"""How large each may be while nobody does anything. Of keys there are a current one, an upcoming one, and those retired
whose tokens have not all expired."""

_MORE: Final = 3
"""Tasks, threads and files above what was seen in the first half."""

_SAMPLES: Final = 100
_LEAST_BETWEEN: Final = 20
_DAY: Final = timedelta(days=1)
_TABLES: Final = (users, sessions, session_data, attempts, audit, events)


def run(database: str, *, logins: int, seed: int = 0, megabytes: float = MEGABYTES) -> dict[str, Any]:
    """So many logins in a process of their own; the figures. Raises AssertionError with all that is wrong."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.soak.soak", database, str(seed), str(logins), str(megabytes)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


async def soak(
    database: str, *, logins: int, seed: int, megabytes: float = MEGABYTES, each_turn: Callable[[], None] = lambda: None
) -> dict[str, Any]:
    """The same in this process; ``each_turn`` is called in each turn."""
    clock = ManualClock()
    auth = Auth(_settings(database), clock=clock)
    meter = Meter(auth)
    async with auth:
        soaked = _Soak(auth, clock, meter, seed, each_turn)
        figures = await soaked.run(logins, megabytes)
    assert not soaked.violations, "\n".join([str(figures), *soaked.violations])
    return figures


def _settings(database: str) -> Settings:
    return Settings(
        database=database,
        secrets=(SECRET,),
        passwords=fast_passwords(),
        sessions=SessionSettings(
            absolute_after=timedelta(minutes=30),
            idle_after=timedelta(minutes=20),
            flush_touches_every=timedelta(minutes=1),
            at_most=AT_MOST,
        ),
        tokens=TokenSettings(access_for=timedelta(minutes=5), audiences=AUDIENCES),
        revocation=RevocationSettings(lease=LEASE, remember_events=LIMIT, cache_records=LIMIT),
        audit=AuditSettings(keep_for=_DAY),
    )


class Sample(NamedTuple):
    """What was looked at between two turns: ``operations`` that had been done, ``memory`` in MB, ``blocks`` of it that
    Python had in use, and the size of everything that has a bound."""

    operations: int
    memory: float
    blocks: int
    sizes: dict[str, int]


class _Soak:
    """The turns, with the upkeep that they need: what loops do by the machine's clock is done here by the one that is
    moved."""

    def __init__(self, auth: Auth, clock: ManualClock, meter: Meter, seed: int, each_turn: Callable[[], None]) -> None:
        self.violations: list[str] = []
        self._auth, self._clock, self._meter = auth, clock, meter
        self._each_turn = each_turn
        self._traffic = Traffic(auth, seed)
        self._janitor = Janitor(auth.store, clock)
        self._turns = 0
        self._upkeep: list[tuple[int, Callable[[], Awaitable[object]]]] = [
            (_turns_in(LEASE / 5), auth.parts.running.follower.sync),
            (_turns_in(auth.settings.sessions.flush_touches_every), self._write_touches),
            (_turns_in(auth.settings.revocation.bound), self._look_for_the_silent),
            (_turns_in(timedelta(minutes=1)), self._purge),
            (_turns_in(timedelta(minutes=7)), auth.rotate_keys),
        ]

    async def run(self, logins: int, megabytes: float) -> dict[str, Any]:
        """Everything; the figures."""
        await self._traffic.prepare()
        baseline = await self._rows()
        each = max(_LEAST_BETWEEN, logins // _SAMPLES)
        samples = [await self._after(each) for _ in range(logins // each)]
        memory, blocks = _growth(samples, "memory"), _growth(samples, "blocks")
        figures = self._figures(samples) | {
            "growth in 100,000 operations, MB": round(memory, 3),
            "and in Python's blocks of memory": round(blocks),
        }
        if memory > megabytes or blocks > BLOCKS:
            grows = f"memory grows by {memory:.2f} MB and {blocks:.0f} blocks in 100,000 operations"
            self.violations.append(f"{grows}\n{await self._grown(each)}")
        self._judge_sizes(samples)
        rows, left = await self._rows(), await self._rows_when_all_is_over()
        for name, count in left.items():
            self._hold(count <= baseline[name], f"{name}: {count} rows are left, there were {baseline[name]}")
        return figures | {
            f"rows of {name}: at first, at last, when all is over": f"{baseline[name]:,}, {count:,}, {left[name]:,}"
            for name, count in rows.items()
        }

    def _figures(self, samples: list[Sample]) -> dict[str, Any]:
        done, outcomes, last = self._traffic.done, self._traffic.outcomes, samples[-1]
        accepted, again = outcomes["check: accepted"], sum(count for each, count in outcomes.items() if "again" in each)
        self._hold(accepted > done["log_in"], f"too few were accepted: {outcomes}")
        self._hold(again <= last.operations // 1000, f"try again: {outcomes}")
        return {
            "operations": last.operations,
            "logins": done["log_in"],
            "refreshes": outcomes["refreshed"],
            "checks": done["check"],
            "of them accepted": accepted,
            "days on the clock that is moved": round(self._turns * TURN / _DAY, 2),
            **{f"most {name}, of {most}": max(each.sizes[name] for each in samples) for name, most in FULL.items()},
            "memory after the first half, MB": round(samples[len(samples) // 2].memory, 1),
            "memory at the end, MB": round(last.memory, 1),
        }

    # -- turns --------------------------------------------------------------------------------------------------------

    async def _after(self, turns: int) -> Sample:
        """Some turns later."""
        await asyncio.gather(*(self._take_turns(turns // AT_ONCE) for _ in range(AT_ONCE)))
        await self._auth.parts.running.follower.sync()
        await self._write_touches()
        sizes = self._sizes() | {
            "sessions of one person": max(
                [len(await self._auth.sessions_of(each)) for each in self._traffic.people[:10]]
            ),
            "rows of events": (await self._rows())["events"],
        }
        gc.collect()
        return Sample(self._traffic.done.total(), _memory(), sys.getallocatedblocks(), sizes)

    async def _take_turns(self, turns: int) -> None:
        for _ in range(turns):
            self._turns += 1
            turn = self._turns
            self._clock.advance(TURN)
            await self._traffic.turn()
            self._each_turn()
            for every, work in self._upkeep:
                if turn % every == 0:
                    await work()

    async def _write_touches(self) -> None:
        await write_touches(self._auth.checker, self._auth.store)

    async def _look_for_the_silent(self) -> None:
        await self._janitor.look(self._clock.now)

    async def _purge(self, keep_events: int = EVENTS) -> int:
        return await purge(self._auth.store, self._clock.now, keep_audit_for=_DAY, keep_events=keep_events)

    # -- judging ------------------------------------------------------------------------------------------------------

    def _hold(self, is_so: bool, otherwise: str) -> None:
        if not is_so:
            self.violations.append(otherwise)

    def _sizes(self) -> dict[str, int]:
        told = {value.name: int(value.number) for value in self._meter.read().values if not value.labels}
        engine, feed = self._auth.parts.running, self._auth.feed
        replica, flights = engine.replica, engine.recall._look_up.__self__  # type: ignore[attr-defined]
        return {
            "credentials": told["coatcheck_remembered_credentials"],
            "sessions and users in the replica": told["coatcheck_replica_events"],
            "news ahead of the log": len(replica._ahead),
            "keys to check with": len(engine.keys._prepared),
            "keys to sign with": len(self._auth.parts.ready.signers._signers),
            "look-ups under way": len(flights._flying) + len(flights._queued),
            "last seen, not written": len(self._auth.checker.seen),
            "connections": told["coatcheck_live_connections"],
            "connections in doubt": len(engine.live._doubted_at),
            "feed questions": told["coatcheck_feed_questions_waiting"] + len(feed._reads._queued),
            "feed registrations": len(feed._recorded),
            "feed credentials": len(feed._admission._admitted),
            "barriers": told["coatcheck_barriers_waiting"],
            "passwords": told["coatcheck_hashing_waiting"] + told["coatcheck_hashing_running"],
            "kinds of outcomes": len(self._auth.outcomes),
            "tasks": len(asyncio.all_tasks()),
            "threads": threading.active_count(),
            "open files": len(os.listdir("/proc/self/fd")),  # noqa: PTH208 - names are enough
        }

    def _judge_sizes(self, samples: list[Sample]) -> None:
        first = samples[: len(samples) // 2]
        bounds = BOUNDS | {
            name: max(each.sizes[name] for each in first) + _MORE for name in ("tasks", "threads", "open files")
        }
        for name, most in bounds.items():
            largest = max(each.sizes[name] for each in samples)
            self._hold(largest <= most, f"{name}: {largest}, {most} at most")
        for name, most in FULL.items():
            largest = max(each.sizes[name] for each in samples)
            self._hold(largest > 0.9 * most, f"{name}: {largest} at most, so the bound of {most} was not tried")

    async def _grown(self, turns: int) -> str:
        """What more memory there is after some turns more, by where it was asked for."""
        tracemalloc.start()
        await self._after(turns)
        before = tracemalloc.take_snapshot()
        for _ in range(3):
            await self._after(turns)
        after = tracemalloc.take_snapshot()
        tracemalloc.stop()
        return "\n".join(map(str, after.compare_to(before, "lineno")[:10]))

    # -- rows ---------------------------------------------------------------------------------------------------------

    async def _rows(self) -> dict[str, int]:
        def count(tx: Transaction) -> dict[str, int]:
            connection = tx.log._connection  # type: ignore[attr-defined]
            return {
                table.name.removeprefix(PREFIX): connection.execute(
                    select(func.count()).select_from(table)
                ).scalar_one()
                for table in _TABLES
            }

        return await self._auth.store.read(count) | {"registrations": len(await self._auth.subscribers())}

    async def _rows_when_all_is_over(self) -> dict[str, int]:
        """Days later, when everything has been purged: what is left."""
        self._clock.advance(3 * _DAY)
        follower = self._auth.parts.running.follower
        await follower.sync()
        self._auth.live.look()
        while await self._purge(keep_events=0):
            pass
        for _ in range(2 * SILENT_LEASES):  # somebody looks on for that long before he gives anybody up, without a gap
            self._clock.advance(self._auth.settings.revocation.lease)
            await follower.sync()
            await self._look_for_the_silent()
        return await self._rows()


def _turns_in(span: timedelta) -> int:
    return int(span / TURN)


def _memory() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _growth(samples: list[Sample], of: str) -> float:
    """In 100,000 operations: the slope of the line nearest to the samples of the second half."""
    half = samples[len(samples) // 2 :]
    return linear_regression([each.operations / 100_000 for each in half], [getattr(each, of) for each in half]).slope


if __name__ == "__main__":
    _, database_, seed_, logins_, megabytes_ = sys.argv
    found = asyncio.run(soak(database_, logins=int(logins_), seed=int(seed_), megabytes=float(megabytes_)))
    print(json.dumps(found))
