"""A store belongs to the process that made it: neither threads nor connections may be shared with a forked one."""

import os
from abc import ABC, abstractmethod

from coatcheck.errors import StoreUnavailable
from coatcheck.stores.sql import fork


class OfOneProcess(ABC):
    """What each SQL store does about forks (``fork.Forkable``) and about being open."""

    def __init__(self) -> None:
        self._is_open = False
        self._begin()
        fork.attend(self)

    @abstractmethod
    def park(self, patience: float) -> bool:
        """Before a fork: bring every thread to rest and close every connection; False when that took too long."""

    @abstractmethod
    def unpark(self) -> None:
        """After a fork, in the parent: go on."""

    @abstractmethod
    def _make_lines(self) -> None:
        """Make the threads and what they need, for this process."""

    @abstractmethod
    def _stop_lines(self) -> None:
        """End the threads and let go of the database, now."""

    def begin_anew(self) -> None:
        """After a fork, in the child: other threads, other connections."""
        self._begin()

    def stop(self) -> None:
        """At the end of the process."""
        if self._pid == os.getpid():
            self._is_open = False
            self._stop_lines()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._make_lines()

    def _require_open(self) -> None:
        self._require_own_process()
        if not self._is_open:
            raise StoreUnavailable("The store is not open.")

    def _require_own_process(self) -> None:
        if self._pid != os.getpid():
            raise StoreUnavailable("The process was forked in the middle of a write; open the store after forking.")
