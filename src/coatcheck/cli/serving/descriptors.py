"""How many of a process's file descriptors may be connections of clients.

The database, Redis, keys and logs need descriptors too, and must not go without because a crowd has connected.
"""

import asyncio
import logging
import resource
import sys
import time
from math import inf
from typing import Final

log = logging.getLogger("coatcheck.serve")

_SHARE: Final = 0.8
_SAID_EVERY: Final = 60.0
"""Seconds: a crowd that keeps coming must not fill the log."""


def most_for_clients() -> int:
    """Four fifths of what the kernel lets this process open (the soft RLIMIT_NOFILE)."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else int(soft * _SHARE)


class Descriptors:
    """The first ``most`` descriptors of this process, which clients may take; the rest they may not."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._said_at = -inf

    def have_room_for(self, transport: asyncio.BaseTransport) -> bool:
        """Whether this connection may stay; where it may not, the log says so once a minute.

        Nothing is counted: the kernel gives the lowest number that is free (POSIX.1, 2.6), so a connection whose number
        is ``most`` or higher tells that as many are in use.
        """
        socket = transport.get_extra_info("socket")
        if socket is None or socket.fileno() < self._most:
            return True
        now = time.monotonic()
        if now - self._said_at >= _SAID_EVERY:
            self._said_at = now
            log.warning("%d files and connections are open, and no more clients are let in", self._most)
        return False
