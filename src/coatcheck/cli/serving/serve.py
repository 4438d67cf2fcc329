"""``coatcheck serve``: the whole of it, in one process or several."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from socket import socket
from typing import TYPE_CHECKING, Any, Final

import click

from coatcheck.cli.serving.listening import address_of, begin, bind, listen, port_option
from coatcheck.cli.serving.logs import FORMATS, JSON, log_as, said_in
from coatcheck.errors import Misconfigured

if TYPE_CHECKING:
    from coatcheck.cli.serving.child import Orders
    from coatcheck.settings import Settings

log = logging.getLogger("coatcheck.serve")

_HERE: Final = ("127.0.0.1", "localhost", "::1")
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@port_option
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    metavar="NUMBER",
    default=1,
    show_default=True,
    help="How many processes serve.",
)
@click.option("--tls-cert", type=_FILE, help="The certificate chain (PEM), to speak TLS without a proxy.")
@click.option("--tls-key", type=_FILE, help="Its private key (PEM).")
@click.option(
    "--metrics",
    metavar="HOST:PORT",
    callback=lambda _context, _option, given: None if given is None else address_of(given),
    help="Tell Prometheus how it is doing, on an address of its own that the public can't reach.",
)
@click.option(
    "--drain-for",
    type=click.FloatRange(0, 600),
    metavar="SECONDS",
    default=3.0,
    show_default=True,
    help="How long to serve on after SIGTERM, while readyz says no.",
)
@click.option(
    "--log-format", type=click.Choice(FORMATS), default=FORMATS[0], show_default=True, help="How to log, on stderr."
)
def command(
    host: str,
    port: int,
    workers: int,
    tls_cert: Path | None,
    tls_key: Path | None,
    metrics: tuple[str, int] | None,
    drain_for: float,
    log_format: str,
) -> None:
    """Serve pages, API and keys.

    \b
    coatcheck serve                       on this machine, for development

    \b
    COATCHECK_URL=https://app.example.com \\
    COATCHECK_SECRETS_FILE=/run/secrets/coatcheck \\
    COATCHECK_WEB_TRUSTED_PROXIES=10.0.0.10/32 \\
      coatcheck serve --host 0.0.0.0 --workers 4

    SIGTERM ends it: first readyz says no, for --drain-for seconds, while everything is served; then the requests under
    way are answered. Ctrl-C leaves out the first, and a second signal the rest. SIGHUP starts new workers, which read
    their secret files anew, and ends the old ones, one after the other. A worker that dies is replaced at once. SIGUSR1
    makes them refuse every credential with "try again", for when nothing can be written and so nothing ended; SIGUSR2
    lifts it.
    """
    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key belong together.")
    from coatcheck.cli.serving.child import Orders

    tls = () if tls_cert is None else ("--tls-cert", str(tls_cert), "--tls-key", str(tls_key))
    orders = Orders(workers=workers, drain_for=drain_for, log_format=log_format, measured=metrics is not None, tls=tls)
    with said_in(log_format):
        _serve(host, port, workers, metrics, orders)


def _serve(host: str, port: int, workers: int, metrics: tuple[str, int] | None, orders: "Orders") -> None:
    from coatcheck.cli.database import require_not_lost
    from coatcheck.cli.environment import settings_from
    from coatcheck.cli.serving.rehearsing import rehearse
    from coatcheck.cli.serving.supervisor import host_name

    if find_spec("uvicorn") is None:
        raise ModuleNotFoundError("uvicorn", name="uvicorn")
    if not {"COATCHECK_URL", "COATCHECK_URL_FILE"} & os.environ.keys():
        os.environ["COATCHECK_URL"] = f"http://localhost:{port}"
    settings = settings_from(os.environ)
    require_sound(settings, workers=workers, speaks_tls=bool(orders.tls))
    require_not_lost(settings)
    with ExitStack() as sockets:
        otherwise = "coatcheck serve --port …"
        listener = sockets.enter_context(bind(host, port, otherwise=otherwise))
        telling = metrics and sockets.enter_context(listen(*metrics, otherwise="coatcheck serve --metrics …"))

        async def prepare() -> None:
            await rehearse(lambda: log_as(orders.log_format))
            begin(listener, otherwise=otherwise)  # not before: a proxy asks another server where it is refused
            log_as(orders.log_format)
            serving = f"Serving with {_processes(workers)} on {host}:{port}. Log in at {settings.issuer}/login."
            if orders.log_format == JSON:
                log.info(serving)
            else:
                click.echo(f"{serving} Ctrl-C ends it.")
            if settings.is_local and host not in _HERE:
                log.warning(
                    "others can reach %s, but this is set up for development: people use %s", host, settings.url
                )

        supervising = _supervise(workers, listener, telling, orders, prepare, name=f"{host_name()}:{port}")
        raise click.exceptions.Exit(asyncio.run(supervising()))


def _supervise(
    workers: int,
    listener: socket,
    telling: "socket | None",
    orders: "Orders",
    prepare: Callable[[], Awaitable[None]],
    *,
    name: str,
) -> Callable[[], Coroutine[Any, Any, int]]:
    """What is to be run. Raises Misconfigured when metrics are wanted and can't be had."""
    from coatcheck.cli.serving.supervisor import Supervisor

    if telling is None:
        return lambda: Supervisor(workers, listener, orders, prepare, name=name).run()
    from coatcheck.cli.serving.gathering import Gathering
    from coatcheck.cli.serving.metrics_server import MetricsServer

    gathering = Gathering(workers)
    server = MetricsServer(gathering.read, telling)

    async def both() -> int:
        beside = [asyncio.create_task(each) for each in (server.run_until_told(), gathering.look_now_and_then())]
        try:
            return await Supervisor(workers, listener, orders, prepare, name=name, gathering=gathering).run()
        finally:
            server.should_exit = True
            beside[1].cancel()
            await asyncio.wait(beside)

    return both


def require_sound(settings: "Settings", *, workers: int, speaks_tls: bool) -> None:
    """Refuse what can't be right, before anything is started. Raises Misconfigured."""
    from coatcheck.stores.place import is_memory

    if is_memory(settings.database) and workers > 1:
        raise Misconfigured(
            "a memory: store belongs to one process, so several workers would not know each other's logins; set "
            "COATCHECK_DATABASE_URL=sqlite:///coatcheck.db, or serve with one worker"
        )
    if settings.is_local and speaks_tls:
        raise Misconfigured(
            f"this would speak TLS, but the address people use is {settings.url}; set COATCHECK_URL=https://…"
        )
    if not settings.is_local and not speaks_tls and not settings.web.trusted_proxies:
        raise Misconfigured(
            f"people reach this at {settings.url}, but it would speak plain HTTP and no proxy is named that speaks TLS "
            "before it; name the proxy's address in COATCHECK_WEB_TRUSTED_PROXIES (such as 10.0.0.10/32), or give "
            "--tls-cert and --tls-key"
        )


def _processes(count: int) -> str:
    return "one worker" if count == 1 else f"{count} workers"
