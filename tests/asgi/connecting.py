"""One connection to an ASGI application, as a server has it: what was sent is noted, what is received is handed in."""

import asyncio
from typing import Any, Self

from tests.host import Host


class Connection:
    """``async with Connection(host, login.headers, "/path") as connection``: the application runs until the block ends.

    ``sent`` is what it has sent.
    """

    def __init__(self, host: Host, headers: dict[str, str], path: str, kind: str = "websocket") -> None:
        self.sent: list[dict[str, Any]] = []
        self._incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._news = asyncio.Event()
        self._app = host.app
        self._scope = {
            "type": kind,
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "https",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"",
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "client": ("203.0.113.7", 40_000),
            "server": ("app.example.com", 443),
            "subprotocols": [],
            "state": {},
            "extensions": {"websocket.http.response": {}},
        }
        if kind == "websocket":
            del self._scope["method"]
            self.say({"type": "websocket.connect"})
        else:
            self.say({"type": "http.request", "body": b"", "more_body": False})

    async def __aenter__(self) -> Self:
        self._running = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)

    def say(self, message: dict[str, Any]) -> None:
        """Hand a message in."""
        self._incoming.put_nowait(message)

    async def kinds(self, *expected: str) -> list[dict[str, Any]]:
        """What was sent, once it is ``expected``."""
        async with asyncio.timeout(10):
            while [message["type"] for message in self.sent] != list(expected):
                self._news.clear()
                await self._news.wait()
        return self.sent

    async def more_than(self, count: int) -> None:
        """Return when more than ``count`` messages were sent."""
        async with asyncio.timeout(10):
            while len(self.sent) <= count:
                self._news.clear()
                await self._news.wait()

    async def left(self) -> None:
        """Return when the application has finished; raises what it raised."""
        async with asyncio.timeout(10):
            await asyncio.shield(self._running)

    async def cancelled(self) -> None:
        """Have the server cancel it; raises what it raises."""
        self._running.cancel()
        await self._running

    @property
    def is_running(self) -> bool:
        """True while the application has not finished."""
        return not self._running.done()

    async def _run(self) -> None:
        await self._app(self._scope, self._receive, self._send)

    async def _receive(self) -> dict[str, Any]:
        return await self._incoming.get()

    async def _send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)
        self._news.set()
        is_over = message["type"] == "http.response.body" and not message.get("more_body", False)
        if message["type"] == "websocket.close":
            self.say({"type": "websocket.disconnect", "code": 1006})
        elif is_over:
            self.say({"type": "http.disconnect"})
