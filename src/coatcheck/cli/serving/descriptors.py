"""How many of a process's file descriptors may be connections of clients.

The database, Redis, keys and logs need descriptors too, and must not go without because a crowd has connected.
"""

import logging
import resource
import sys
import time
from math import inf
from typing import Any, Final

log = logging.getLogger("coatcheck.serve")

_SHARE: Final = 0.8
_SAID_EVERY: Final = 60.0
"""Seconds: a crowd that keeps coming must not fill the log."""


def most_for_clients() -> int:
    """Four fifths of what the kernel lets this process open (the soft RLIMIT_NOFILE)."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else int(soft * _SHARE)


class Descriptors:
    """The first ``most`` descriptors of this process, which clients may take; the rest they may not.

    ``clients`` is how many of them there may be at a time, where so many would be too many. ``called`` is what the log
    calls them.
    """

    def __init__(self, most: int, *, clients: int = sys.maxsize, called: str = "clients") -> None:
        self._most = most
        self._clients = clients
        self._called = called
        self._said_at = -inf

    def have_room_for(self, socket: Any, others: int) -> bool:
        """Whether the connection over ``socket`` may stay beside ``others``; where it may not, the log says so once a
        minute.

        Descriptors are not counted: the kernel gives the lowest number that is free (POSIX.1, 2.6), so a connection
        whose number is ``most`` or higher tells that as many are in use.
        """
        if others >= self._clients:
            self._say(f"{self._clients} {self._called} are connected")
            return False
        if socket is not None and socket.fileno() >= self._most:
            self._say(f"{self._most} files and connections are open")
            return False
        return True

    def _say(self, reason: str) -> None:
        now = time.monotonic()
        if now - self._said_at >= _SAID_EVERY:
            self._said_at = now
            log.warning("%s, and no more %s are let in", reason, self._called)
