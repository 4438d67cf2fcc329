"""Starts Coatcheck before the application and stops it after, through ASGI's lifespan messages."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coatcheck.auth import Auth


async def run_lifespan(app: ASGIApp, auth: Auth, scope: Scope, receive: Receive, send: Send) -> None:
    """Pass the lifespan on to ``app``, with ``auth`` running all around it, so that the application's own start-up may
    already use it. An application that knows no lifespan is answered for. A start that fails is reported to the server,
    which then gives up.
    """
    life = _Life(auth, receive, send)
    try:
        await app(scope, life.receive, life.send)
    except Exception:
        if life.answered or life.failed:
            raise
    if not life.answered:
        await life.answer_alone()


class _Life:
    """The messages of one lifespan, on their way between the server and the application."""

    def __init__(self, auth: Auth, receive: Receive, send: Send) -> None:
        self._auth = auth
        self._receive, self._send = receive, send
        self._asked = False
        self.answered = False
        self.failed = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "lifespan.startup":
            self._asked = True
            await self._start()
        return message

    async def send(self, message: Message) -> None:
        self.answered = True
        if message["type"] != "lifespan.startup.complete":
            await self._auth.stop()
        await self._send(message)

    async def answer_alone(self) -> None:
        """Answer for an application that has no lifespan."""
        if not self._asked:
            await self.receive()
        await self._send({"type": "lifespan.startup.complete"})
        await self._receive()
        await self._auth.stop()
        await self._send({"type": "lifespan.shutdown.complete"})

    async def _start(self) -> None:
        try:
            await self._auth.start()
        except Exception as fault:
            self.failed = True
            await self._send({"type": "lifespan.startup.failed", "message": f"coatcheck: {fault}"})
            raise
