"""Breaking off what is under way over a connection, at both of its ends.

A backend whose client has gone may not notice: while it waits for a synchronous standby it looks at no timeout and no
socket, and keeps its locks. Libpq's cancel request ends that wait; it travels over a connection of its own.
"""

import socket
from contextlib import suppress
from select import POLLIN, POLLOUT, poll
from threading import Thread
from time import monotonic
from typing import Final

import psycopg
from psycopg import capabilities
from psycopg.pq import PollingStatus
from psycopg.pq.abc import PGcancel, PGcancelConn

from coatcheck.stores.postgres.pipelining import PipelinedConnection

_BEFORE_THE_CUT: Final = 0.25
"""Seconds. A pooler forgets whose session it was as soon as its client has gone: the request goes first, if it can."""

_ASK_WITHIN: Final = 2.0
"""Seconds in all, for a server that does not answer."""

_WAITS_FOR: Final = {PollingStatus.READING: POLLIN, PollingStatus.WRITING: POLLOUT}


def break_off(raw: PipelinedConnection) -> None:
    """Have the server leave off what it does for ``raw``, and let whoever waits for its answer in another thread find
    it broken, within a quarter of a second. Returns at once. Nobody may close ``raw`` meanwhile."""
    with suppress(psycopg.Error, OSError, RuntimeError):  # it is broken already, or there are threads enough
        wire = _duplicate(raw.fileno())
        try:
            if capabilities.has_cancel_safe():
                thread = Thread(target=_ask_and_cut, args=(raw.pgconn.cancel_conn(), wire), daemon=True)
            else:
                thread = Thread(target=_cut_and_ask, args=(raw.pgconn.get_cancel(), wire), daemon=True)
            thread.start()
        except BaseException:
            _cut(wire)
            raise


def cut(wire: int) -> None:
    """At our end alone: let whoever waits for an answer over the socket with this number, in another thread, find it
    broken."""
    with suppress(OSError):
        _cut(_duplicate(wire))


def _ask_and_cut(request: PGcancelConn, wire: socket.socket) -> None:
    began = monotonic()
    with suppress(psycopg.Error):  # the server's own timeouts are left
        try:
            request.start()
            status = _sent(request, PollingStatus.WRITING, until=began + _BEFORE_THE_CUT)
        finally:
            _cut(wire)
        _sent(request, status, until=began + _ASK_WITHIN)


def _cut_and_ask(request: PGcancel, wire: socket.socket) -> None:
    _cut(wire)  # first: libpq before 17 asks for as long as it takes
    with suppress(psycopg.Error):
        request.cancel()


def _sent(request: PGcancelConn, status: PollingStatus, *, until: float) -> PollingStatus:
    """Go on with ``request``, which was left at ``status``, until it is through or it is time."""
    while status in _WAITS_FOR:
        ready = poll()
        ready.register(request.socket, _WAITS_FOR[status])
        if not ready.poll(max(0.0, until - monotonic()) * 1000):
            break
        status = PollingStatus(request.poll())
    return status


def _duplicate(wire: int) -> socket.socket:
    return socket.fromfd(wire, socket.AF_UNSPEC, socket.SOCK_STREAM)


def _cut(wire: socket.socket) -> None:
    with suppress(OSError), wire:
        wire.shutdown(socket.SHUT_RDWR)
