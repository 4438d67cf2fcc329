"""One worker process of ``coatcheck serve``: ``python -m coatcheck.cli.serving.worker``, started by ``supervisor``.

It inherits the listening socket and a channel. It writes to the channel when it serves, answers there what it has
counted, and ends when the channel is closed: then nobody keeps it any more.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import click

signal.signal(signal.SIGINT, signal.SIG_DFL)  # until it is heeded, it ends this process without a word

from coatcheck.cli.outcome import reported  # noqa: E402
from coatcheck.cli.serving.logs import FORMATS, log_as, said_in  # noqa: E402

if TYPE_CHECKING:
    from coatcheck.cli.serving.uvicorn_server import Server
    from coatcheck.metrics.meter import Meter
    from coatcheck.stores.port import Store


@click.command("coatcheck.cli.serving.worker")
@click.option("--listener", type=int, required=True)
@click.option("--channel", type=int, required=True)
@click.option("--name", required=True)
@click.option("--replaces", multiple=True)
@click.option("--denies", is_flag=True)
@click.option("--workers", type=int, default=1)
@click.option("--measured", is_flag=True)
@click.option("--drain-for", type=float, default=0.0)
@click.option("--log-format", type=click.Choice(FORMATS), default=FORMATS[0])
@click.option("--tls-cert", type=click.Path(path_type=Path))
@click.option("--tls-key", type=click.Path(path_type=Path))
def worker(
    listener: int,
    channel: int,
    name: str,
    replaces: tuple[str, ...],
    denies: bool,
    workers: int,
    measured: bool,
    drain_for: float,
    log_format: str,
    tls_cert: Path | None,
    tls_key: Path | None,
) -> None:
    """Serve, until a signal or until nobody keeps this process."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a reload is for whoever keeps us
    log_as(log_format, worker=name)
    with said_in(log_format):
        from coatcheck.auth import Auth
        from coatcheck.cli.environment import settings_from
        from coatcheck.cli.serving.sharing import sharing_cores
        from coatcheck.cli.serving.uvicorn_server import run, server_for

        auth = Auth(sharing_cores(settings_from(os.environ), workers), name=name)
        auth.deny_here(denies)
        meter = None
        if measured:
            from coatcheck.metrics.meter import Meter

            meter = Meter(auth)
        server = server_for(auth, drain_for=drain_for, ssl_certfile=tls_cert, ssl_keyfile=tls_key)
        keeper = _Keeper(socket.socket(fileno=channel), server, meter)

        async def ready() -> None:
            if replaces:
                await forget(auth.store, replaces)
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGUSR1, auth.deny_here, True)
            loop.add_signal_handler(signal.SIGUSR2, auth.deny_here, False)
            await keeper.greet(auth.parts.secrets.ids)

        run(server, auth, socket.socket(fileno=listener), ready, keeper.take_leave)


class _Keeper:
    """Whoever started this process: is told when it serves and what it counted, and missed when gone."""

    def __init__(self, channel: socket.socket, server: "Server", meter: "Meter | None") -> None:
        self._channel = channel
        self._server = server
        self._meter = meter
        self._writer: asyncio.StreamWriter | None = None
        self._listening: asyncio.Task[None] | None = None

    async def greet(self, secrets: tuple[str, ...]) -> None:
        """Say that this process serves under ``secrets``, and listen."""
        from coatcheck.cli.serving.channel import Greeting, framed

        reader, self._writer = await asyncio.open_connection(sock=self._channel)
        if self._meter is not None:
            self._meter.read()  # so that it knows what to look at when all has been stopped
        self._writer.write(framed(Greeting(secrets)))
        self._listening = asyncio.create_task(self._listen(reader), name="coatcheck-keeper")

    async def take_leave(self) -> None:
        """Say for the last time what was counted."""
        from coatcheck.cli.serving.channel import Report, framed

        if self._listening is not None:
            self._listening.cancel()
        if self._writer is not None:
            with contextlib.suppress(ConnectionError):
                if self._meter is not None:
                    self._writer.write(framed(Report(self._meter.read())))
                self._writer.close()
                await self._writer.wait_closed()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        from coatcheck.cli.serving.channel import ALL, Report, framed

        with contextlib.suppress(ConnectionError):
            while asked := await reader.read(1):
                if self._meter is not None and self._writer is not None:
                    everybody = await self._meter.read_store() if asked == ALL else None
                    self._writer.write(framed(Report(self._meter.read(), everybody)))
        self._server.stop()


async def forget(store: "Store", names: Collection[str]) -> int:
    """Delete the registrations of the processes that were called so; return how many there were.

    A row must outlive its process by W as long as nobody can tell a dead process from a slow one (rule 15 of
    ``docs/revocation.md``). Here it is known: the supervisor has seen them end, and gave each a name that nobody else
    has. Otherwise a barrier would wait for a killed process until its lease has run out. Raises StoreUnavailable.
    """
    rows = await store.read_registry(lambda registry: registry.all())
    dead = [row.number for row in rows if row.name in names]
    return await store.write_registry(lambda registry: registry.remove(dead)) if dead else 0


if __name__ == "__main__":
    sys.exit(reported(worker))
