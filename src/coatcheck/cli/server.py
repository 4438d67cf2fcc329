"""uvicorn, as Coatcheck runs it."""

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from typing import Any

import uvicorn


def server_config(app: Any, **more: Any) -> uvicorn.Config:
    """No proxy headers (``web.trusted_proxies`` decides whom to believe), no server header, no access log, and ten
    seconds for requests under way when it ends."""
    return uvicorn.Config(
        app,
        lifespan="on",
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        access_log=False,
        timeout_graceful_shutdown=10,
        h11_max_incomplete_event_size=65_536,
        **more,
    )


class Server(uvicorn.Server):
    """A server that ends on Ctrl-C and SIGTERM as on any other request to end: uvicorn would raise the signal again."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ask for a clean end instead of a raised signal."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, setattr, self, "should_exit", True)
        yield
