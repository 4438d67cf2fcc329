"""Reading a password or a token: from a prompt, standard input or a file, never from the command's arguments, which
every process of the machine can list and which shells keep in their history."""

import sys
from pathlib import Path
from typing import Any, Final

import click

from coatcheck.errors import Misconfigured

_LONGEST: Final = 8_192
_LONGEST_TOKEN: Final = 65_536
_LONGEST_LINE: Final = 4_095
"""What a terminal hands over of one line (N_TTY_BUF_SIZE - 1)."""

_AROUND: Final = "\"'`,;"
"""What a token may stand between where it was copied from."""


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


def read_token() -> str:
    """A token from standard input, or typed at a hidden prompt on a terminal; also with what stands before it in a
    header (``Authorization: Bearer …``) and quotes around it.

    Raises Misconfigured, which never repeats what was read.
    """
    try:
        if sys.stdin.isatty():
            text: str = click.prompt("Token (not shown)", hide_input=True, err=True)
            if len(text) >= _LONGEST_LINE:
                raise Misconfigured(f"a terminal cuts a line off at {_LONGEST_LINE} characters; pipe the token instead")
        else:
            text = sys.stdin.read(_LONGEST_TOKEN + 1)
    except (OSError, UnicodeDecodeError):
        raise Misconfigured("the token can't be read from standard input: it is no text") from None
    if len(text) > _LONGEST_TOKEN:
        raise Misconfigured(f"more than {_LONGEST_TOKEN} characters were given; no token is that long")
    words = text.strip().strip(_AROUND).split()
    if words and words[0].lower() == "authorization:":
        words = words[1:]
    if words and words[0].lower() == "bearer":
        words = words[1:]
    if not words:
        raise Misconfigured("no token was given")
    if len(words) > 1:
        raise Misconfigured(f"{len(words)} words were given; one token is explained at a time")
    return words[0].strip(_AROUND)
