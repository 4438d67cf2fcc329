"""The list of what is refused on this machine for now: a text file that a person in a hurry can write (rule 19).

One identifier a line (``ses_…``, ``usr_…``, ``key_…`` …), or ``everything``; what follows a ``#`` is for people. A file
that lists nothing denies everything: an empty one can often be made on a disk that is full. So does one that can't be
read or understood: whoever made it wanted something to be refused, and a slip must not let it through.
"""

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp
from typing import Final

from msgspec import Struct

from coatcheck.errors import Misconfigured

EVERYTHING: Final = "everything"
_IDENTIFIER: Final = re.compile(r"[a-z]+_[a-z2-7]{26}")
_LONGEST: Final = 1_000_000
"""Bytes: some thirty thousand lines."""


class Denied(Struct, frozen=True):
    """What a file asks for: ``everything``, or these ``identifiers``. ``trouble`` says why it is everything when the
    file does not say so."""

    everything: bool = False
    identifiers: frozenset[str] = frozenset()
    trouble: str = ""

    def __bool__(self) -> bool:
        return self.everything or bool(self.identifiers)


def is_deniable(identifier: str) -> bool:
    """True for what a line may name."""
    return identifier == EVERYTHING or _IDENTIFIER.fullmatch(identifier) is not None


def read_denials(path: Path | None) -> Denied:
    """What the file at ``path`` asks for; nothing when there is none."""
    if path is None:
        return Denied()
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        return Denied()
    except OSError as fault:
        return Denied(everything=True, trouble=f"{path} can't be read ({fault.strerror})")
    if len(content) > _LONGEST:
        return Denied(everything=True, trouble=f"{path} is longer than {_LONGEST} bytes")
    return _parsed(path, content)


def write_denials(path: Path, lines: Iterable[str]) -> None:
    """Replace the file by one of these ``lines``, atomically; remove it when there are none.

    It can be read by everybody who reaches its folder, as servers may run as somebody else; it holds no secret. Raises
    Misconfigured when it can't be written.
    """
    text = "".join(f"{line}\n" for line in lines)
    try:
        if not text:
            path.unlink(missing_ok=True)
            return
        descriptor, draft = mkstemp(prefix=f"{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
                os.fchmod(file.fileno(), 0o644)
            Path(draft).replace(path)
        except OSError:
            with suppress(OSError):
                Path(draft).unlink()
            raise
    except OSError as fault:
        raise Misconfigured(
            f"{path} can't be written ({fault.strerror}). Name a file on another disk in "
            "COATCHECK_REVOCATION_DENY_LIST, or send SIGUSR1 to `coatcheck serve`: it refuses everything then"
        ) from fault


def lines_of(path: Path) -> list[str]:
    """The lines of the file as they are; none when there is no file. Raises Misconfigured when it can't be read."""
    try:
        return path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as fault:
        raise Misconfigured(f"{path} can't be read") from fault


def named_on(line: str) -> str:
    """What a line names; empty for a comment."""
    return line.partition("#")[0].strip()


def _parsed(path: Path, content: bytes) -> Denied:
    named = set()
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        name = named_on(line)
        if name and not is_deniable(name):
            return Denied(everything=True, trouble=f"line {number} of {path} is not understood")
        named.add(name)
    named.discard("")
    if not named or EVERYTHING in named:
        return Denied(everything=True)
    return Denied(identifiers=frozenset(named))
