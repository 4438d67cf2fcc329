"""One request on its way through: what was decided about it, and the way out.

An answer of unknown length is looked after from when it has begun, if somebody has learned who is there. When that
login ends, nothing more of it passes. An event stream is brought to its end, upon which a browser asks again and hears
why; anything else is cut off, so that nobody takes it for complete.
"""

from collections.abc import Awaitable, Coroutine
from typing import Any, Final, TypeAlias

from starlette.requests import HTTPConnection
from starlette.types import Message, Send

from coatcheck.asgi.additions import Addition
from coatcheck.asgi.entrance import Entrance, Shown
from coatcheck.asgi.gone import Eviction, Gone
from coatcheck.asgi.websocket import LiveSocket
from coatcheck.errors import AuthError, Misconfigured
from coatcheck.upkeep.live import Live, LiveConnections

Connection: TypeAlias = HTTPConnection | dict[str, Any]
"""A request, a WebSocket, or a bare ASGI scope."""

KEY: Final = "coatcheck"
"""Where in a scope its passage is."""


class Passage:
    """One HTTP request. ``addition`` is what the beginning of the answer still lacks.

    The scope knows it, and the server's ``send`` knows the scope: it must be told to ``leave`` in the end, or each
    request would leave a cycle to the garbage collector, which costs more than all of a check.
    """

    __slots__ = ("_send", "_shown", "addition", "entrance", "has_begun", "looked_after")

    def __init__(self, entrance: Entrance, send: Send) -> None:
        self.entrance = entrance
        self.addition: Addition | None = None
        self.has_begun = False
        self.looked_after: LiveStream | None = None
        self._send = send
        self._shown: Shown | None = None

    def learn(self, shown: Shown) -> None:
        """Somebody has learned who is there: look after the answer, if it turns out to be a long one."""
        self._shown = shown

    def send(self, message: Message) -> Awaitable[None]:
        """Send on."""
        self.has_begun = True
        if self._shown is None and self.addition is None:
            return self._send(message)
        if message["type"] == "http.response.start" and (self.addition is not None or not _has_length(message)):
            return self._begin(message)
        return self._send(message)

    @property
    def was_cut_off(self) -> bool:
        """True when the login of the client ended before the answer did."""
        return self.looked_after is not None and self.looked_after.ended_by is not None

    def leave(self) -> None:
        """The application has returned: let go of the server."""
        self._send = _send_nowhere
        if self.looked_after is not None:
            self.looked_after.leave()

    async def _begin(self, message: Message) -> None:
        if self.addition is not None:
            message = await self.addition.to(message)
        await self._send(message)
        if self._shown is not None and not _has_length(message):
            self.looked_after = LiveStream(self.entrance.auth.live, self._shown, message, self._send)
            self._send = self.looked_after.send


class LiveStream:
    """An answer of unknown length that has begun with ``start``."""

    __slots__ = ("_connections", "_is_event_stream", "_live", "_send", "ended_by", "eviction")

    def __init__(self, connections: LiveConnections, shown: Shown, start: Message, send: Send) -> None:
        presented, remembered = shown
        self.ended_by: AuthError | None = None
        self.eviction = Eviction()
        self._is_event_stream = _is_event_stream(start)
        self._send = send
        self._connections = connections
        self._live = Live(presented.token, presented.carried_by, remembered, self.end)
        connections.add(self._live)

    def send(self, message: Message) -> Awaitable[None]:
        """Send on, until the login has ended."""
        if self.ended_by is not None:
            raise Gone
        return self._send(message)

    def end(self, error: AuthError) -> Coroutine[Any, Any, None]:
        """Let nothing more pass."""
        self.ended_by = error
        self.eviction.begin()
        return self._finish()

    def leave(self) -> None:
        """The application has finished."""
        self._connections.remove(self._live)
        self.eviction.call_off()

    async def _finish(self) -> None:
        if self._is_event_stream:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send_nowhere(message: Message) -> None:
    raise RuntimeError(f"{message['type']} was sent after the application had returned")


def passage_of(connection: Connection) -> Passage | LiveSocket:
    """Return the passage of this connection. Raises Misconfigured when the middleware is not installed."""
    scope = connection if isinstance(connection, dict) else connection.scope
    try:
        passage: Passage | LiveSocket = scope[KEY]
    except KeyError:
        raise Misconfigured("AuthMiddleware is not installed: nobody has looked at this request") from None
    return passage


def _has_length(start: Message) -> bool:
    for name, _ in start.get("headers", ()):  # noqa: SIM110 - a generator would take longer than all the rest
        if name == b"content-length":
            return True
    return False


def _is_event_stream(start: Message) -> bool:
    kinds = [value for name, value in start.get("headers", ()) if name == b"content-type"]
    return any(kind.lower().startswith(b"text/event-stream") for kind in kinds)
