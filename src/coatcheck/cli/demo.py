"""``coatcheck demo``: an installation to look at, gone when it ends."""

import asyncio
import secrets
import socket
import tempfile
from pathlib import Path
from typing import Final

import click

from coatcheck.auth import Auth
from coatcheck.cli.listening import listen
from coatcheck.model.user import ADMINISTRATOR
from coatcheck.settings import Settings, WebSettings

HOST: Final = "127.0.0.1"
PEOPLE: Final = (
    ("admin@example.com", "Admin", (ADMINISTRATOR,)),
    ("ann@example.com", "Ann", ()),
    ("ben@example.com", "Ben", ()),
    ("cleo@example.com", "Cleo", ()),
)
_SYLLABLES: Final = [first + vowel for first in "bdfghklmnprstvwz" for vowel in "aeiou"]


@click.command("demo")
@click.option("--port", default=8000, envvar="PORT", show_default=True, help="Where to listen, on 127.0.0.1.")
def command(port: int) -> None:
    """Try it: SQLite in a fresh folder, an administrator and a few people.

    Passwords are made anew each time. Ctrl-C ends it and leaves nothing behind.
    """
    listener = listen(HOST, port, otherwise=f"make demo PORT={port + 1}")
    with tempfile.TemporaryDirectory(prefix="coatcheck-demo-") as folder, listener:
        asyncio.run(_run(Path(folder), listener, port))
    click.echo("\nGone, and nothing left behind.")


async def _run(folder: Path, listener: socket.socket, port: int) -> None:
    from coatcheck.cli.server import Server, server_config
    from coatcheck.web.app import build

    origin = f"http://{HOST}:{port}"
    settings = Settings(database=f"sqlite:///{folder}/demo.db", url=origin, web=WebSettings(site_name="Coatcheck demo"))
    auth = Auth(settings)
    server = Server(server_config(build(auth)))
    await auth.start()
    try:
        passwords = [(email, await _add(auth, email, name, roles)) for email, name, roles in PEOPLE]
        click.echo(_welcome(origin + settings.web.path, passwords))
        await server.serve(sockets=[listener])
    finally:
        await auth.stop()


async def _add(auth: Auth, email: str, name: str, roles: tuple[str, ...]) -> str:
    password = "-".join("".join(secrets.choice(_SYLLABLES) for _ in range(3)) for _ in range(4))
    await auth.create_user(email, password, name=name, roles=roles)
    return password


def _welcome(address: str, passwords: list[tuple[str, str]]) -> str:
    people = "\n".join(f"{email}  {password}" for email, password in passwords)
    email, password = passwords[1]
    return f"""\
Coatcheck is running. Ctrl-C ends it.

Log in      {address}/login
Your account, with the devices you are logged in from
            {address}/account
For the administrator
            {address}/admin

{people}

The same login as a JWT, for an API:

  curl -s {address}/api/login -H 'Content-Type: application/json' \\
    -d '{{"email": "{email}", "password": "{password}", "carry": "tokens"}}'

  curl -s {address}/api/me -H "Authorization: Bearer $ACCESS_TOKEN"

End that login on the account page, and the second call is refused at once.
"""
