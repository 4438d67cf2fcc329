"""FT-02: ``kill -9`` between any two statements, at every point there is. A deed is done wholly or not at all.

A process is forked for each point. It opens an installation over a copy of the prepared database, begins the deed, and
kills itself at its point; the last point is when the client has been answered. Another process judges what is there.
"""

import asyncio
import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tests.faults.crash_points.dying import Points, between_statements
from tests.faults.crash_points.judging import OUTCOMES, Judge, rows_of, state_of
from tests.faults.crash_points.prepared import PreparedFile, PreparedPostgres
from tests.faults.deeds import DEEDS, Deed, Scene, auth_over, set_the_scene

KINDS = (SQLITE, POSTGRES) = ("SQLite", "PostgreSQL")
PATIENCE = 60.0
LAST = 6
"""Points that are always among those at which somebody dies: a commit, and what follows it."""

Prepared = PreparedFile | PreparedPostgres
Say = Callable[[Any], Any]


@dataclass
class Found:
    """What became of one deed over one database."""

    points: list[str]
    outcomes: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        told = ", ".join(f"{outcome} {self.outcomes[outcome]}" for outcome in OUTCOMES if self.outcomes[outcome])
        return f"{len(self.points)} points: {told}"


def run(folder: Path, postgres: str) -> dict[str, Any]:
    """Die at every point of each deed, over a SQLite file in ``folder`` and over the PostgreSQL server at ``postgres``;
    return the figures. Raises AssertionError naming violations."""
    return figures(crash(folder, postgres))


def crash(
    folder: Path, postgres: str = "", *, deeds: Sequence[Deed] = DEEDS, kinds: Sequence[str] = KINDS, every: int = 1
) -> dict[str, Found]:
    """Die at every point, or at one in ``every`` so many and at the last; what was found, by database and deed."""
    with ProcessPoolExecutor(len(KINDS), mp_context=multiprocessing.get_context("spawn")) as executor:
        asked = {
            f"{kind}: {deed.name}": executor.submit(_crash_one, deed, kind, folder / f"{kind} {n}", postgres, every)
            for kind in kinds
            for n, deed in enumerate(deeds)
        }
        return {name: future.result() for name, future in asked.items()}


def figures(found: dict[str, Found]) -> dict[str, Any]:
    """For a table. Raises AssertionError naming violations."""
    violations = [f"{name}, {each}" for name, result in found.items() for each in result.violations]
    assert not violations, "\n".join([f"{len(violations)} violations", *violations[:20]])
    return {
        **{name: str(result) for name, result in found.items()},
        "deaths": sum(result.outcomes.total() for result in found.values()),
        "violations": len(violations),
    }


def _crash_one(deed: Deed, kind: str, folder: Path, postgres: str, every: int) -> Found:
    folder.mkdir()
    with PreparedFile(folder) if kind == SQLITE else PreparedPostgres(postgres) as prepared:
        return _Crashing(deed, prepared).at(every)


class _Crashing:
    """One deed over one database, again and again. This process has but one thread: it forks."""

    def __init__(self, deed: Deed, prepared: Prepared) -> None:
        self._deed = deed
        self._prepared = prepared
        self._scene = asyncio.run(self._prepare())
        for thread in set(threading.enumerate()) - {threading.main_thread()}:
            thread.join(PATIENCE)
        assert threading.active_count() == 1, threading.enumerate()
        prepared.keep()
        self._before = rows_of(prepared.url)

    def at(self, every: int) -> Found:
        """Die at ``every`` so many points, each time over the database as it was prepared."""
        _, points = self._act(Points(), ends_by=0)
        after = state_of(rows_of(self._prepared.url), self._before)
        found = Found(points)
        for number, point in enumerate(points, 1):
            if number % every == 0 or number > len(points) - LAST:
                said = self._act(Points(fatal=number), ends_by=-signal.SIGKILL)
                judge = Judge(self._deed, self._scene, self._before, after, said[0] if said else None)
                [(outcome, violations)] = in_a_child(partial(self._judge, judge), ends_by=0)
                found.outcomes[outcome] += 1
                found.violations += [f"point {number}, {point}: {each}" for each in violations]
        return found

    async def _prepare(self) -> Scene:
        async with auth_over(self._prepared.url) as auth:
            return await set_the_scene(auth)

    def _act(self, points: Points, *, ends_by: int) -> list[Any]:
        """Do the deed in a process of its own. It says what the client gets, and at its end what points it reached."""
        self._prepared.restore()
        said = in_a_child(lambda say: asyncio.run(self._do(points, say)), ends_by=ends_by)
        self._prepared.settle()
        return said

    async def _do(self, points: Points, say: Say) -> None:
        with between_statements(points):
            auth = auth_over(self._prepared.url)
            await auth.open()
            points.begin()
            given = await self._deed.does(auth, self._scene)
            say((given,))
            points.reach("acknowledged")
            say(points.reached)
            os._exit(0)  # as sudden as any other end

    def _judge(self, judge: Judge, say: Say) -> None:
        judge.look_at(rows_of(self._prepared.url))
        asyncio.run(self._ask(judge))
        judge.look_at_log(rows_of(self._prepared.url))
        say((judge.outcome, judge.violations))

    async def _ask(self, judge: Judge) -> None:
        async with auth_over(self._prepared.url) as auth:
            await judge.ask(auth)


def in_a_child(work: Callable[[Say], None], *, ends_by: int) -> list[Any]:
    """Fork, and do ``work`` there; return what it said until the child's end, which must be by that code or signal."""
    hears, speaks = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            work(lambda what: os.write(speaks, pickle.dumps(what)))
        except BaseException:  # noqa: BLE001 - nothing may run on in the child
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(speaks)
    said = []
    with os.fdopen(hears, "rb") as words, suppress(EOFError):
        while True:
            said.append(pickle.load(words))  # noqa: S301 - our own child's
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code == ends_by, f"a process ended by {code}, not by {ends_by}"
    return said
