"""uvicorn, as Coatcheck runs it."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator
from typing import Any, Final

import uvicorn

from coatcheck.auth import Auth

_GRACEFUL_SECONDS: Final = 10
_HEARING_OUT_SECONDS: Final = 0.1


class Server(uvicorn.Server):
    """A server that ends on Ctrl-C and SIGTERM as on any other request to end: uvicorn would raise the signal again."""

    def stop(self) -> None:
        """Answer what is under way, then end."""
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ask for a clean end instead of a raised signal."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stop)
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept nothing more, hear out whoever has just been accepted, then end: uvicorn would hang up on a connection
        whose first request is still on its way."""
        for listening in self.servers:
            listening.close()
        await asyncio.sleep(_HEARING_OUT_SECONDS)
        await super().shutdown(sockets)


def server_for(auth: Auth, **tls: Any) -> Server:
    """The server of one process, over everything that ``auth`` has to offer.

    No proxy headers (``web.trusted_proxies`` decides whom to believe), no server header, no access log, and ten seconds
    for requests under way when it ends.
    """
    from coatcheck.web.app import build

    return Server(
        uvicorn.Config(
            build(auth),
            lifespan="on",
            log_level="warning",
            proxy_headers=False,
            server_header=False,
            access_log=False,
            timeout_graceful_shutdown=_GRACEFUL_SECONDS,
            h11_max_incomplete_event_size=65_536,
            **tls,
        )
    )


def run(server: Server, auth: Auth, listener: socket.socket, ready: Any = lambda: None) -> None:
    """Start ``auth``, call ``ready`` (may be awaited), serve until a signal, stop. Raises what starting raises."""

    async def life() -> None:
        with server.capture_signals():
            await auth.start()
            try:
                told = ready()
                if told is not None:
                    await told
                await server.serve(sockets=[listener])
            finally:
                await auth.stop()

    with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
        runner.run(life())
