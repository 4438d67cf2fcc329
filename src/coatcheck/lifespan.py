"""Starts something before an ASGI application and stops it afterwards, through the lifespan's messages.

No framework is loaded for it: <https://asgi.readthedocs.io/en/latest/specs/lifespan.html>.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Step: TypeAlias = Callable[[], Awaitable[None]]


async def run_lifespan(app: Application, start: Step, stop: Step, scope: Scope, receive: Receive, send: Send) -> None:
    """Pass the lifespan on to ``app``, with ``start`` before all of it and ``stop`` behind, so that the application's
    own start-up may already use what was started.

    An application that knows no lifespan is answered for. A start that fails is reported to the server, which then
    gives up.
    """
    life = _Life(start, stop, receive, send)
    try:
        await app(scope, life.receive, life.send)
    except Exception:
        if life.has_answered:
            raise
    if not life.has_answered:
        await life.answer_alone()


class _Life:
    """The messages of one lifespan, on their way between the server and the application."""

    def __init__(self, start: Step, stop: Step, receive: Receive, send: Send) -> None:
        self._start, self._stop = start, stop
        self._receive, self._send = receive, send
        self._has_begun = False
        self.has_answered = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "lifespan.startup":
            self._has_begun = True
            await self._begin()
        return message

    async def send(self, message: Message) -> None:
        self.has_answered = True
        if message["type"] != "lifespan.startup.complete":
            await self._stop()
        await self._send(message)

    async def answer_alone(self) -> None:
        """Answer for an application that has no lifespan."""
        if not self._has_begun:
            await self.receive()
        await self.send({"type": "lifespan.startup.complete"})
        await self._receive()
        await self.send({"type": "lifespan.shutdown.complete"})

    async def _begin(self) -> None:
        try:
            await self._start()
        except Exception as fault:
            self.has_answered = True
            await self._send({"type": "lifespan.startup.failed", "message": f"coatcheck: {fault}"})
            raise
