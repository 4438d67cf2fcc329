"""A real server on a free port of this machine, in a thread of its own.

with serving() as server:
    httpx2.get(f"{server.url}/auth/healthz")
    server.run(server.auth.create_user("ann@example.com"))
"""

import asyncio
import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any, TypeVar

import uvicorn

from coatcheck.auth import Auth
from coatcheck.clock import Clock
from coatcheck.settings import Settings
from coatcheck.testing import fast_passwords
from coatcheck.web.app import build
from tests import databases

Result = TypeVar("Result")


@dataclass(frozen=True)
class Server:
    """A server that runs: where it is, whose it is, and its loop."""

    url: str
    auth: Auth
    loop: asyncio.AbstractEventLoop

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run ``work`` on the server's loop, as an application's own code would."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)


@contextmanager
def serving(*, clock: Clock | None = None, make: Callable[[Auth], Any] = build, **settings: Any) -> Iterator[Server]:
    """Serve an installation until the block ends; ``settings`` are further fields of Settings."""
    with socket.socket(proto=socket.IPPROTO_TCP) as listening:  # else asyncio leaves Nagle's algorithm on
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        url = f"http://localhost:{port}"
        auth = Auth(
            Settings(**{**databases.settings, "url": url, "passwords": fast_passwords(), **settings}), clock=clock
        )
        server = uvicorn.Server(
            uvicorn.Config(
                make(auth), log_level="warning", lifespan="on", proxy_headers=False, timeout_graceful_shutdown=3
            )
        )
        started, loops = Event(), []

        async def serve() -> None:
            loops.append(asyncio.get_running_loop())
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.005)
            started.set()
            await serving

        thread = Thread(target=asyncio.run, args=(serve(),), name="server")
        thread.start()
        try:
            assert started.wait(30)
            assert server.started, "the server did not start"
            yield Server(f"http://127.0.0.1:{port}", auth, loops[0])
        finally:
            server.should_exit = True
            thread.join(30)
