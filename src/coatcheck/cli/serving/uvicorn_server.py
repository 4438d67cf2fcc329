"""uvicorn, as Coatcheck runs it."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from coatcheck.auth import Auth
from coatcheck.cli.serving.configuration import configuration
from coatcheck.cli.serving.deadlines import Deadlines, Watched, watched
from coatcheck.cli.serving.descriptors import Descriptors, most_for_clients

_GRACEFUL_SECONDS: Final = 10
_HEARING_OUT_SECONDS: Final = 0.1
_LOOKED_AT_EVERY: Final = 1.0


class Server(uvicorn.Server):
    """A server that ends on Ctrl-C and SIGTERM as on any other request to end: uvicorn would raise the signal again.

    On SIGTERM it first says at ``readyz`` that it is about to end, and serves on for ``drain_for`` seconds, so that
    whoever spreads requests can notice. Ctrl-C does not wait for that, and a second signal of either kind for nothing.
    """

    def __init__(
        self, config: uvicorn.Config, auth: Auth, *, drain_for: float = 0.0, deadlines: Deadlines | None = None
    ) -> None:
        super().__init__(config)
        self._auth = auth
        self._drain_for = drain_for
        self._deadlines = deadlines or Deadlines()
        self._looked_at = 0.0

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

    async def on_tick(self, counter: int) -> bool:
        """Once a second look whose client is too slow. Whoever is slow at the end has ``_GRACEFUL_SECONDS``."""
        now, before = asyncio.get_running_loop().time(), self._looked_at
        if now - before >= _LOOKED_AT_EVERY:
            self._looked_at = now
            for connection in tuple(self.server_state.connections):
                if isinstance(connection, Watched):  # a WebSocket is none
                    connection.look(now, before, self._deadlines)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept nothing more, hear out whoever has just been accepted, then end: uvicorn would hang up on a connection
        whose first request is still on its way."""
        for listening in self.servers:
            listening.close()
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

    config = configuration(
        build(auth),
        http=watched(protocol, Descriptors(descriptors or most_for_clients())),
        lifespan="on",
        timeout_graceful_shutdown=_GRACEFUL_SECONDS,
        h11_max_incomplete_event_size=65_536,
        **tls,
    )
    return Server(config, auth, drain_for=drain_for, deadlines=deadlines)


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
