"""A lock between processes: a file beside the database, held around every write and every checkpoint.

It closes the WAL-reset corruption of SQLite before 3.51.3, which needs two connections that write or checkpoint at the
same time, and it ends the starvation of SQLite's own busy loop. Two locks make it fair: whoever waits holds the
*turnstile*, so a busy process that has just let go of the lock queues behind it.

The lock file is also the bell (``notice``): a commit with news writes into it.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from coatcheck.errors import StoreUnavailable

_PAUSE: Final = 0.000_25
"""Seconds between two tries. The same for all who wait, so that each has the same chance."""


class FileLock:
    """An exclusive ``flock`` on ``path``. Used by one thread at a time; opened when first needed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = -1
        self._turnstile = -1
        self._rings = 0

    @contextmanager
    def held(self, until: float) -> Iterator[None]:
        """Hold the lock. Raises StoreUnavailable when it can't be had ``until`` then, on the monotonic clock."""
        if self._lock < 0:
            self._open()
        self._queue(until)
        try:
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def ring(self) -> None:
        """Change the lock file, so that whoever watches it wakes up. Call it while the lock is held."""
        self._rings += 1
        os.pwrite(self._lock, b"%d %d\n" % (os.getpid(), self._rings), 0)

    def close(self) -> None:
        """Close the files."""
        for descriptor in (self._lock, self._turnstile):
            if descriptor >= 0:
                os.close(descriptor)
        self._lock = self._turnstile = -1

    def _open(self) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self._turnstile = os.open(self.path.with_name(self.path.name + "-queue"), flags, 0o600)
        self._lock = os.open(self.path, flags, 0o600)

    def _queue(self, until: float) -> None:
        self._wait(self._turnstile, until)
        try:
            self._wait(self._lock, until)
        finally:
            fcntl.flock(self._turnstile, fcntl.LOCK_UN)

    def _wait(self, descriptor: int, until: float) -> None:
        while not self._try(descriptor):
            if monotonic() >= until:
                raise StoreUnavailable("Another process holds the database's lock.")
            sleep(_PAUSE)

    @staticmethod
    def _try(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
