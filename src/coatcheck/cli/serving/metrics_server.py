"""The metrics of all workers, told on a port of their own."""

import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from coatcheck.cli.serving.deadlines import Deadlines
from coatcheck.cli.serving.descriptors import Descriptors, most_for_clients
from coatcheck.cli.serving.limited_server import LimitedServer
from coatcheck.metrics.application import MetricsEndpoint
from coatcheck.metrics.reading import Reading

_CLIENTS: Final = 32
"""One Prometheus, or a few. The process that is asked keeps the workers, and needs its descriptors to start others."""


class MetricsServer(LimitedServer):
    """Answers with what ``read`` says. Its signals are those of the process it is part of."""

    def __init__(
        self,
        read: Callable[[], Awaitable[Reading]],
        listener: socket.socket,
        *,
        clients: int = _CLIENTS,
        deadlines: Deadlines | None = None,
    ) -> None:
        super().__init__(
            MetricsEndpoint(read),
            Descriptors(most_for_clients(), clients=clients, called="clients of --metrics"),
            deadlines=deadlines,
            lifespan="off",
            timeout_graceful_shutdown=1,
            backlog=clients,  # asyncio accepts as many at once, before any can be turned away
        )
        self._listener = listener

    async def run_until_told(self) -> None:
        """Serve until ``should_exit``."""
        await self.serve(sockets=[self._listener])

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None."""
        yield
