"""uvicorn, as Coatcheck runs it."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator
from typing import Any, Final

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from coatcheck.auth import Auth
from coatcheck.cli.serving.deadlines import Deadlines
from coatcheck.cli.serving.descriptors import Descriptors, most_for_clients
from coatcheck.cli.serving.limited_server import LimitedServer

_GRACEFUL_SECONDS: Final = 10
_HEARING_OUT_SECONDS: Final = 0.1


class Server(LimitedServer):
    """A server that ends on Ctrl-C and SIGTERM as on any other request to end: uvicorn would raise the signal again.

    On SIGTERM it first says at ``readyz`` that it is about to end, and serves on for ``drain_for`` seconds, so that
    whoever spreads requests can notice. Ctrl-C does not wait for that, and a second signal of either kind for nothing.
    ``limits`` and all else are those of ``LimitedServer``.
    """

    def __init__(
        self, auth: Auth, app: Any, descriptors: Descriptors, *, drain_for: float = 0.0, **limits: Any
    ) -> None:
        super().__init__(app, descriptors, **limits)
        self._auth = auth
        self._drain_for = drain_for

    def drain(self) -> None:
        """Be asked no more, then answer what is under way, then end."""
        if self._is_ending:
            self._hurry()
            return
        self._auth.is_draining = True
        asyncio.get_running_loop().call_later(self._drain_for, self.stop)

    def stop(self) -> None:
        """Answer what is under way, then end."""
        self._auth.is_draining = True
        self.should_exit = True

    def interrupt(self) -> None:
        """Answer what is under way, then end; when that is happening already, end."""
        if self._is_ending:
            self._hurry()
        else:
            self.stop()

    @property
    def _is_ending(self) -> bool:
        return self._auth.is_draining

    def _hurry(self) -> None:
        self.should_exit = self.force_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ask for a clean end instead of a raised signal."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self.interrupt)
        loop.add_signal_handler(signal.SIGTERM, self.drain)
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept nothing more, hear out whoever has just been accepted, then end: uvicorn would hang up on a connection
        whose first request is still on its way."""
        self.stop_accepting()
        await asyncio.sleep(_HEARING_OUT_SECONDS)
        await super().shutdown(sockets)
        if self.force_exit and not self.lifespan.shutdown_event.is_set():  # uvicorn would leave it out
            await self.lifespan.shutdown()


def server_for(
    auth: Auth,
    *,
    drain_for: float = 0.0,
    deadlines: Deadlines | None = None,
    descriptors: int | None = None,
    protocol: type[asyncio.Protocol] = AutoHTTPProtocol,
    **tls: Any,
) -> Server:
    """The server of one process, over everything that ``auth`` has to offer.

    Requests under way when it ends have ten seconds. ``drain_for`` are the seconds before that on SIGTERM. Clients have
    ``deadlines``, and the first ``descriptors`` of this process, four fifths where nothing is said. ``protocol`` is one
    of uvicorn's.
    """
    from coatcheck.web.app import build

    return Server(
        auth,
        build(auth),
        Descriptors(descriptors or most_for_clients()),
        drain_for=drain_for,
        deadlines=deadlines,
        protocol=protocol,
        lifespan="on",
        timeout_graceful_shutdown=_GRACEFUL_SECONDS,
        h11_max_incomplete_event_size=65_536,
        **tls,
    )


def run(
    server: Server, auth: Auth, listener: socket.socket, ready: Any = lambda: None, left: Any = lambda: None
) -> None:
    """Start ``auth``, call ``ready``, serve until a signal, stop, call ``left``; both may be awaited. Raises what
    starting raises."""

    async def called(step: Any) -> None:
        said = step()
        if said is not None:
            await said

    async def life() -> None:
        with server.capture_signals():
            await auth.start()
            try:
                await called(ready)
                await server.serve(sockets=[listener])
            finally:
                await auth.stop()
                await called(left)

    with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
        runner.run(life())
