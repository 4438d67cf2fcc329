"""One WebSocket on its way through.

It is looked after from when somebody has learned who is there. When that login ends, nothing more passes in either
direction: the client is told by a close, and the application hears that its client has left.
"""

from collections.abc import Coroutine
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from coatcheck.asgi.additions import Addition
from coatcheck.asgi.answers import Answers, close_code
from coatcheck.asgi.entrance import Entrance, Shown
from coatcheck.asgi.gone import Eviction, Gone
from coatcheck.errors import AuthError
from coatcheck.upkeep.live import Live, LiveConnections


class LiveSocket:
    """One WebSocket. Routes ask of it what they ask of a ``Passage``; ``sent`` is the type of the last message."""

    __slots__ = (
        "_answers",
        "_connections",
        "_has_come",
        "_live",
        "_receive",
        "_scope",
        "_send",
        "addition",
        "ended_by",
        "entrance",
        "eviction",
        "sent",
    )

    def __init__(self, entrance: Entrance, answers: Answers, scope: Scope, receive: Receive, send: Send) -> None:
        self.entrance = entrance
        self.addition: Addition | None = None
        self.sent = ""
        self.ended_by: AuthError | None = None
        self.eviction = Eviction()
        self._answers, self._scope = answers, scope
        self._receive, self._send = receive, send
        self._has_come = False
        self._live: Live | None = None
        self._connections: LiveConnections | None = None

    def learn(self, shown: Shown) -> None:
        """Somebody has learned who is there: look after the connection from now on. What was learned first counts: a
        route that asked for a role then may ask for none later."""
        presented, remembered = shown
        if self._live is None and self.ended_by is None:
            self._live = Live(presented.token, presented.carried_by, remembered, self.end)
            self._connections = self.entrance.auth.live
            self._connections.add(self._live)

    async def receive(self) -> Message:
        """Receive, until the login has ended. The first message, which says no more than that there is a client, comes
        always."""
        is_first, self._has_come = not self._has_come, True
        if self.ended_by is None or is_first:
            message = await self._receive()
            if self.ended_by is None or is_first:
                return message
        return {"type": "websocket.disconnect", "code": close_code(self.ended_by), "reason": self.ended_by.code}

    async def send(self, message: Message) -> None:
        """Send on, until the login has ended."""
        if self.ended_by is not None:
            raise Gone
        self.sent = message["type"]
        await self._send(message)

    @property
    def may_be_turned_away(self) -> bool:
        """True until the application has closed it, or turned the client away by itself."""
        return self.sent in ("", "websocket.accept", "websocket.send")

    def end(self, error: AuthError) -> Coroutine[Any, Any, None]:
        """Let nothing more pass, and tell the client."""
        self.ended_by = error
        self.eviction.begin()
        return self._answers.turn_away(error, self._scope, self._send, after=self.sent)

    def leave(self) -> None:
        """The application has finished."""
        self.eviction.call_off()
        if self._connections is not None and self._live is not None:
            self._connections.remove(self._live)
