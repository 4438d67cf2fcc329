"""What checkers decided: every decision noted, and kept as runs, so that millions fit into a file.

Successive decisions of one thread about one token that said the same, none of them more than ``GAP`` after the other,
are one ``Run``: how many they were, and when the first and the last of them began and ended. Nothing that the
invariants ask for is lost by that: of a run of accepted checks the last one is the latest, of a run of refused ones the
first is the earliest.
"""

import time
from collections.abc import Iterable
from pathlib import Path

import msgspec
from msgspec import Struct

ACCEPTED = "accepted"
MISTAKEN = "mistaken"
"""Accepted, but as somebody else (I4)."""

BROKEN = "broken: "
"""The start of what is no answer of ours: another exception (I6, I7)."""

GAP = 0.25
"""Seconds: the longest stretch within a run in which no decision began."""

TRY_AGAIN = frozenset(("checking.stale", "store.unavailable"))
"""Codes that decide nothing."""


def now() -> float:
    """Seconds of ``CLOCK_BOOTTIME``: one clock for all processes of this machine, which nobody steps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Run(Struct):
    """Successive decisions that said the same. ``by`` is the checker; ``said`` one of the words above or the code of a
    refusal; times are ``now()``; ``slowest`` is the longest that one of them took, in seconds."""

    by: str
    token: int
    said: str
    count: int
    first_began: float
    first_ended: float
    last_began: float
    last_ended: float
    slowest: float


class Recorder:
    """Notes the decisions of one thread of the checker called ``by``. ``ahead`` is what its clock shows more than that
    of the others (in a time namespace of its own)."""

    def __init__(self, by: str, *, ahead: float = 0.0) -> None:
        self._by = by
        self._ahead = ahead
        self._open: dict[int, Run] = {}
        self._closed: list[Run] = []

    def note(self, token: int, said: str, began: float, ended: float) -> None:
        """One decision."""
        began, ended = began - self._ahead, ended - self._ahead
        run = self._open.get(token)
        if run is None or run.said != said or began - run.last_began > GAP:
            if run is not None:
                self._closed.append(run)
            self._open[token] = Run(self._by, token, said, 1, began, ended, began, ended, ended - began)
            return
        run.count += 1
        run.last_began, run.last_ended = began, ended
        if ended - began > run.slowest:
            run.slowest = ended - began

    def runs(self) -> list[Run]:
        """All that was noted so far."""
        return [*self._closed, *self._open.values()]


def save(path: Path | str, runs: Iterable[Run]) -> None:
    """Write runs, one a line."""
    Path(path).write_bytes(b"".join(msgspec.json.encode(run) + b"\n" for run in runs))


def load(path: Path) -> list[Run]:
    """Read what ``save`` wrote."""
    decoder = msgspec.json.Decoder(Run)
    return [decoder.decode(line) for line in path.read_bytes().splitlines()]
