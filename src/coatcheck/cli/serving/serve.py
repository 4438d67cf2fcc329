"""``coatcheck serve``: the whole of it, in one process or several."""

import asyncio
import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from coatcheck.cli.serving.listening import listen, port_option
from coatcheck.errors import Misconfigured

if TYPE_CHECKING:
    from coatcheck.settings import Settings

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
def command(host: str, port: int, workers: int, tls_cert: Path | None, tls_key: Path | None) -> None:
    """Serve pages, API and keys.

    \b
    coatcheck serve                       on this machine, for development

    \b
    COATCHECK_URL=https://app.example.com \\
    COATCHECK_SECRETS_FILE=/run/secrets/coatcheck \\
    COATCHECK_WEB_TRUSTED_PROXIES=10.0.0.0/8 \\
      coatcheck serve --host 0.0.0.0 --workers 4

    SIGTERM ends it when the requests under way have been answered. SIGHUP starts new workers, which read their secret
    files anew, and then ends the old ones. A worker that dies is replaced at once. SIGUSR1 makes them refuse every
    credential with "try again", for when nothing can be written and so nothing ended; SIGUSR2 lifts it.
    """
    from coatcheck.cli.database import require_not_lost
    from coatcheck.cli.environment import settings_from
    from coatcheck.cli.outcome import say_warning
    from coatcheck.cli.serving.supervisor import Supervisor, host_name

    if find_spec("uvicorn") is None:
        raise ModuleNotFoundError("uvicorn", name="uvicorn")
    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key belong together.")
    if not {"COATCHECK_URL", "COATCHECK_URL_FILE"} & os.environ.keys():
        os.environ["COATCHECK_URL"] = f"http://localhost:{port}"
    settings = settings_from(os.environ)
    require_sound(settings, workers=workers, speaks_tls=tls_cert is not None)
    require_not_lost(settings.database)
    if settings.is_local and host not in _HERE:
        say_warning(f"others can reach {host}, but this is set up for development: people are to use {settings.url}")
    with listen(host, port, otherwise="coatcheck serve --port …") as listener:
        asyncio.run(_rehearse(settings))
        tls = [] if tls_cert is None else ["--tls-cert", str(tls_cert), "--tls-key", str(tls_key)]
        click.echo(
            f"Serving with {_processes(workers)} on {host}:{port}. Log in at {settings.issuer}/login. Ctrl-C ends it."
        )
        raise click.exceptions.Exit(
            asyncio.run(Supervisor(workers, listener, name=f"{host_name()}:{port}", tls=tls).run())
        )


def require_sound(settings: "Settings", *, workers: int, speaks_tls: bool) -> None:
    """Refuse what can't be right, before anything is started. Raises Misconfigured."""
    if settings.database == "memory:" and workers > 1:
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
            "before it; name the proxy's network in COATCHECK_WEB_TRUSTED_PROXIES (such as 10.0.0.0/8), or give "
            "--tls-cert and --tls-key"
        )


async def _rehearse(settings: "Settings") -> None:
    """Open everything once, so that whatever is wrong is said once and plainly, and upgrade the tables."""
    from coatcheck.auth import Auth

    auth = Auth(settings)
    try:
        await auth.open()
    finally:
        await auth.stop()


def _processes(count: int) -> str:
    return "one worker" if count == 1 else f"{count} workers"
