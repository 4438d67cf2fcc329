"""Deadlines for clients: the head of a request has to arrive, and an answer to be read.

uvicorn closes a connection on which nothing comes between two requests, but waits for ever for a head that was begun,
and for a client that does not read. (A request's body has its own deadline, in ``web/bodies.py``.) So the server looks
at its connections once a second. Nothing is done for each request or each piece of one: uvicorn remembers enough.
"""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from coatcheck.cli.serving.descriptors import Descriptors

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as Protocol
else:
    Protocol = object

_TOO_LATE: Final = b"HTTP/1.1 408 Request Timeout\r\n%bcontent-length: 0\r\nconnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Seconds. ``head`` is for a whole head; ``unread`` is for a client that reads nothing of what waits for it."""

    head: float = 8.5
    """Looked at once a second, this is ten at most. A head comes in one or two packets: one that is lost three times in
    a row is here after seven (RFC 6298: 1 s, 2 s, 4 s)."""

    unread: float = 30.0
    """As long as a body may take. Whatever is read in that time begins it anew."""


class Watched(Protocol):
    """Mixed into uvicorn's protocol: one connection that can be looked at. See ``watched``."""

    _descriptors: Descriptors
    cycle: Any  # None until a first head is here, and so is the scope
    scope: Any

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, or close at once when there is no room."""
        others = len(self.connections)
        super().connection_made(transport)
        self._waits_since = self.loop.time()
        self._waits_after: Any = None
        self._unsent = 0
        self._answering: Any = None
        if not self._descriptors.have_room_for(transport.get_extra_info("socket"), others):
            transport.abort()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def connection_lost(self, exc: Exception | None) -> None:
        """Say so to the request that is being answered: where others wait behind it, uvicorn tells the last of them
        alone, and this one fails in what it still sends."""
        if self._answering is not None:
            self._answering.disconnected = True
            self._answering.message_event.set()
        super().connection_lost(exc)

    def resume_writing(self) -> None:
        """The client has read."""
        super().resume_writing()
        self._unsent = 0

    def look(self, now: float, before: float, deadlines: Deadlines) -> None:
        """Close it when its client is too slow. ``before`` is when it was looked at last."""
        unsent = self.transport.get_write_buffer_size()
        if unsent:
            self._look_at_reading(unsent, now, deadlines.unread)
            return
        self._unsent = 0
        if self._awaits_head:
            if self.cycle is not self._waits_after:  # it has begun at some time since the last look
                self._waits_after, self._waits_since = self.cycle, before
            elif now - self._waits_since >= deadlines.head:
                self._close()

    def _look_at_reading(self, unsent: int, now: float, deadline: float) -> None:
        if not self._unsent or unsent < self._unsent:
            self._unread_since = now
        elif now - self._unread_since >= deadline:
            self.transport.abort()  # to close is to wait until all is sent
        self._unsent = unsent

    @property
    def _awaits_head(self) -> bool:
        """Whether nothing is being answered, and uvicorn has no deadline: its own ends with the next byte."""
        return self.cycle is None or (self.cycle.response_complete and self.timeout_keep_alive_task is None)

    @property
    def _has_begun(self) -> bool:
        """Whether a part of a head is here: httptools has begun a scope, or h11 keeps bytes."""
        if hasattr(self, "conn"):
            return bool(self.conn.trailing_data[0])
        return self.scope is not None and (self.cycle is None or self.scope is not self.cycle.scope)

    def _close(self) -> None:
        if self.transport.is_closing():
            self.transport.abort()
            return
        if self._has_begun:
            headers = [name + b": " + value + b"\r\n" for name, value in self.server_state.default_headers]
            self.transport.write(_TOO_LATE % b"".join(headers))
        self.transport.close()


def watched(protocol: type[asyncio.Protocol], descriptors: Descriptors) -> type[asyncio.Protocol]:
    """``protocol``, which is uvicorn's for HTTP/1.1 by httptools or by h11, with ``look``."""
    return type(f"Watched{protocol.__name__}", (Watched, protocol), {"_descriptors": descriptors})
