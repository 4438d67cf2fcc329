"""Reading a password: from a prompt, standard input or a file, never from the command's arguments, which every process
of the machine can list."""

import sys
from pathlib import Path
from typing import Any, Final

import click

from coatcheck.errors import Misconfigured

_LONGEST: Final = 8_192


def password_option(command: Any) -> Any:
    """Add ``--password-file`` to a command."""
    return click.option(
        "--password-file",
        type=click.Path(allow_dash=True, path_type=Path),
        help="Read it from this file; - is standard input. Otherwise you are asked.",
    )(command)


def read_password(file: Path | None) -> str:
    """The first line of ``file`` or of standard input; on a terminal a prompt, twice.

    Raises Misconfigured when it can't be read or is empty.
    """
    if file is None and sys.stdin.isatty():
        typed: str = click.prompt("New password", hide_input=True, confirmation_prompt="The same again", err=True)
        return typed
    try:
        if file is None or str(file) == "-":
            text = sys.stdin.readline(_LONGEST)
        else:
            with file.open(encoding="utf-8") as lines:
                text = lines.readline(_LONGEST)
    except (OSError, UnicodeDecodeError):
        raise Misconfigured(f"the password can't be read from {file or 'standard input'}") from None
    password = text.rstrip("\r\n")
    if not password:
        raise Misconfigured("no password was given")
    return password
