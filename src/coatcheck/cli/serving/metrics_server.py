"""The metrics of all workers, told on a port of their own."""

import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator

import uvicorn

from coatcheck.cli.serving.configuration import configuration
from coatcheck.metrics.application import MetricsEndpoint
from coatcheck.metrics.reading import Reading


class MetricsServer(uvicorn.Server):
    """Answers with what ``read`` says. Its signals are those of the process it is part of."""

    def __init__(self, read: Callable[[], Awaitable[Reading]], listener: socket.socket) -> None:
        super().__init__(configuration(MetricsEndpoint(read), lifespan="off", timeout_graceful_shutdown=1))
        self._listener = listener

    async def run_until_told(self) -> None:
        """Serve until ``should_exit``."""
        await self.serve(sockets=[self._listener])

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None."""
        yield
