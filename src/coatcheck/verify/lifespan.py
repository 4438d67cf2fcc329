"""Starts a Verifier before an ASGI application and closes it afterwards, through the lifespan's messages."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from coatcheck.verify.verifier import Verifier

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


async def run_lifespan(app: Application, verifier: Verifier, scope: Scope, receive: Receive, send: Send) -> None:
    """Pass the lifespan on to ``app``, with ``verifier`` running all around it.

    An application that knows no lifespan is answered for.
    """
    life = _Life(verifier, receive, send)
    try:
        await app(scope, life.receive, life.send)
    except Exception:
        if life.has_answered:
            raise
    if not life.has_answered:
        await life.answer_alone()


class _Life:
    """The messages of one lifespan, on their way between the server and the application."""

    def __init__(self, verifier: Verifier, receive: Receive, send: Send) -> None:
        self._verifier = verifier
        self._receive, self._send = receive, send
        self._has_begun = False
        self.has_answered = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "lifespan.startup":
            self._has_begun = True
            self._verifier.start()
        return message

    async def send(self, message: Message) -> None:
        self.has_answered = True
        if message["type"] != "lifespan.startup.complete":
            await asyncio.to_thread(self._verifier.close)
        await self._send(message)

    async def answer_alone(self) -> None:
        """Answer for an application that has no lifespan."""
        if not self._has_begun:
            await self.receive()
        await self.send({"type": "lifespan.startup.complete"})
        await self._receive()
        await self.send({"type": "lifespan.shutdown.complete"})
