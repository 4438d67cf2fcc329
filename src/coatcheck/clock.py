"""WHAT TIME IS IT?  The two clocks that everything else is handed.

``wall`` is for instants that people and other machines see: created, expires. ``steady`` is for leases: it counts
through suspend and is moved by nobody (``CLOCK_BOOTTIME`` on Linux; on macOS ``CLOCK_MONOTONIC`` does the same).
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Protocol


class Clock(Protocol):
    """Both clocks, as seconds. Tests hand in ``coatcheck.testing.ManualClock``."""

    @property
    def wall(self) -> Callable[[], float]:
        """Seconds since 1970 in UTC; may jump."""

    @property
    def steady(self) -> Callable[[], float]:
        """Seconds since some fixed moment of this machine; never jumps, counts through suspend."""


class SystemClock:
    """The machine's clocks."""

    def __init__(self) -> None:
        # Bound once, as C functions without a Python frame around them: both are read in every check.
        self.wall: Callable[[], float] = time.time
        self.steady: Callable[[], float] = time.monotonic  # macOS: counts through suspend there
        if hasattr(time, "CLOCK_BOOTTIME"):
            self.steady = partial(time.clock_gettime, time.CLOCK_BOOTTIME)


def now_of(clock: Clock) -> datetime:
    """The wall clock's instant as an aware datetime in UTC."""
    return datetime.fromtimestamp(clock.wall(), UTC)
