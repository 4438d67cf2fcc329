"""One worker process of ``coatcheck serve``: ``python -m coatcheck.cli.serving.worker``, started by ``supervisor``.

It inherits the listening socket and a channel. It writes to the channel when it serves, and ends when the channel is
closed: then nobody keeps it any more.
"""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from coatcheck.cli.outcome import reported

if TYPE_CHECKING:
    from coatcheck.stores.port import Store


@click.command("coatcheck.cli.serving.worker")
@click.option("--listener", type=int, required=True)
@click.option("--channel", type=int, required=True)
@click.option("--name", required=True)
@click.option("--replaces")
@click.option("--denies", is_flag=True)
@click.option("--tls-cert", type=click.Path(path_type=Path))
@click.option("--tls-key", type=click.Path(path_type=Path))
def worker(
    listener: int,
    channel: int,
    name: str,
    replaces: str | None,
    denies: bool,
    tls_cert: Path | None,
    tls_key: Path | None,
) -> None:
    """Serve, until a signal or until nobody keeps this process."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a reload is for whoever keeps us
    from coatcheck.auth import Auth
    from coatcheck.cli.environment import settings_from
    from coatcheck.cli.serving.uvicorn_server import run, server_for

    auth = Auth(settings_from(os.environ), name=name)
    auth.deny_here(denies)
    server = server_for(auth, ssl_certfile=tls_cert, ssl_keyfile=tls_key)
    keeper = socket.socket(fileno=channel)
    keeper.setblocking(False)

    async def ready() -> None:
        if replaces is not None:
            await forget(auth.store, replaces)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, auth.deny_here, True)
        loop.add_signal_handler(signal.SIGUSR2, auth.deny_here, False)
        loop.add_reader(keeper.fileno(), server.stop)
        keeper.send(b"ready")

    run(server, auth, socket.socket(fileno=listener), ready)


async def forget(store: "Store", name: str) -> int:
    """Delete the registrations of the process that was called ``name``; return how many there were.

    A row must outlive its process by W as long as nobody can tell a dead process from a slow one (rule 15 of
    ``docs/revocation.md``). Here it is known: the supervisor has seen it end, and gave it a name that nobody else has.
    Otherwise a barrier would wait for the killed process until its lease has run out. Raises StoreUnavailable.
    """
    rows = await store.read_registry(lambda registry: registry.all())
    dead = [row.number for row in rows if row.name == name]
    return await store.write_registry(lambda registry: registry.remove(dead)) if dead else 0


if __name__ == "__main__":
    sys.exit(reported(worker))
