"""``coatcheck demo``: an installation to look at, gone when it ends."""

import contextlib
import secrets
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from coatcheck.cli.serving.listening import listen, port_option

if TYPE_CHECKING:
    from coatcheck.auth import Auth

HOST: Final = "127.0.0.1"
_ENDINGS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SYLLABLES: Final = [first + vowel for first in "bdfghklmnprstvwz" for vowel in "aeiou"]


@click.command("demo", short_help="Look at it: a fresh installation, gone when it ends.")
@port_option
def command(port: int) -> None:
    """Look at it: a fresh installation with a few people, gone when it ends.

    Listens on 127.0.0.1, keeps its data in a temporary folder, and makes an administrator and three users with new
    passwords each time. Ctrl-C ends it and leaves nothing behind.
    """
    with _interruptible():
        _run(port)
    click.echo("\nEnded. Nothing is left behind.")


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Make SIGTERM and a closed terminal what Ctrl-C is, from the first moment: the folder is always removed."""
    for ending in _ENDINGS:
        signal.signal(ending, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        yield


def _run(port: int) -> None:
    with listen(HOST, port, otherwise=f"make demo PORT={port % 65_535 + 1}") as listener:
        from coatcheck.auth import Auth
        from coatcheck.cli.serving.uvicorn_server import run, server_for
        from coatcheck.settings import Settings, WebSettings

        with _passing_folder() as folder:
            origin = f"http://{HOST}:{port}"
            web = WebSettings(site_name="Coatcheck demo")
            auth = Auth(Settings(database=f"sqlite:///{folder}/demo.db", url=origin, web=web), name="the demo")

            async def welcome() -> None:
                click.echo(_welcome(origin + web.path, await _people(auth)))

            run(server_for(auth), auth, listener, welcome)


@contextlib.contextmanager
def _passing_folder() -> Iterator[Path]:
    """A folder that is gone afterwards, and with it the file by which ``tempfile`` tries whether it may write there."""
    made: list[str] = []
    try:
        with _undisturbed():
            made.append(tempfile.mkdtemp(prefix="coatcheck-demo-"))
        yield Path(made[0])
    finally:
        with _undisturbed():
            for folder in made:
                shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Let interruptions wait: the first while something is made, or the next while it is removed."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDINGS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


async def _people(auth: "Auth") -> list[tuple[str, str]]:
    """Make the accounts and return e-mail and password of each, the administrator's first."""
    from coatcheck.model.user import ADMINISTRATOR

    made = []
    for name in ("Admin", "Ann", "Ben", "Cleo"):
        email, roles = f"{name.lower()}@example.com", (ADMINISTRATOR,) if name == "Admin" else ()
        password = "-".join("".join(secrets.choice(_SYLLABLES) for _ in range(3)) for _ in range(3))
        await auth.create_user(email, password, name=name, roles=roles)
        made.append((email, password))
    return made


def _welcome(address: str, people: list[tuple[str, str]]) -> str:
    accounts = "\n".join(f"{email}  {password}" for email, password in people)
    email, password = people[1]
    return f"""\
Coatcheck is running. Log in at

  {address}/login

as one of these:

{accounts}

Try this: log in as one person in two browsers. Each lists both devices at
{address}/account and can end the other one.
The administrator sees everybody at {address}/admin

The same login without a browser, and what it opens:

  curl -s {address}/api/login \\
    -H 'Content-Type: application/json' \\
    -d '{{"email": "{email}",
         "password": "{password}", "carry": "tokens"}}'

  curl -s {address}/api/me \\
    -H 'Authorization: Bearer <access_token>'

End that login on the account page, and the next call is refused at once.

Ctrl-C ends it.
"""
