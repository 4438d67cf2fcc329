"""The list of what is refused on this machine for now: a text file that a person in a hurry can write (rule 19).

One identifier a line (``ses_…``, ``usr_…``, ``key_…`` …), or ``everything``; what follows a ``#`` is for people. A file
that lists nothing denies everything: an empty one can often be made on a disk that is full. So does one that can't be
read or understood: whoever made it wanted something to be refused, and a slip must not let it through.
"""

import errno
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkstemp
from time import monotonic, sleep
from typing import Final

from msgspec import Struct

from coatcheck.errors import Misconfigured

EVERYTHING: Final = "everything"
_IDENTIFIER: Final = re.compile(r"[a-z]+_[a-z2-7]{26}")
_LONGEST: Final = 1_000_000
"""Bytes: some thirty thousand lines."""

_LOCK_PATIENCE: Final = 10.0
_PAUSE: Final = 0.01


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


def change_denials(path: Path, change: Callable[[list[str]], Iterable[str]]) -> None:
    """Replace the lines of the file by what ``change`` makes of them, atomically; remove it when none of those names
    anything. Of several who do so at once each begins with what the one before has left.

    It can be read by everybody who reaches its folder, as servers may run as somebody else; it holds no secret. Raises
    Misconfigured when it can't be read or written.
    """
    with _alone(path):
        lines = list(change(lines_of(path)))
        if any(map(named_on, lines)):
            _replace(path, lines)
        else:
            path.unlink(missing_ok=True)


def lift_denials(path: Path) -> None:
    """Remove the file, whatever it is that it holds. Raises Misconfigured when it can't be removed."""
    with _alone(path):
        path.unlink(missing_ok=True)


def lines_of(path: Path) -> list[str]:
    """The lines of the file; none when there is no file. One that lists nothing gets a line that says what it means.
    Raises Misconfigured when it can't be read."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as fault:
        raise Misconfigured(f"{path} can't be read") from fault
    return lines if any(map(named_on, lines)) else [*lines, f"{EVERYTHING}  # the file listed nothing"]


def named_on(line: str) -> str:
    """What a line names; empty for a comment."""
    return line.partition("#")[0].strip()


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Let nobody else change the file meanwhile. Raises Misconfigured for what the disk refuses."""
    try:
        with _held(path.parent):
            yield
    except OSError as fault:
        raise Misconfigured(
            f"{path} can't be written ({fault.strerror}). Name a file on another disk in "
            "COATCHECK_REVOCATION_DENY_LIST, or send SIGUSR1 to `coatcheck serve`: it refuses everything then"
        ) from fault


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold a lock on the folder itself: on a disk that is full no file could be made for it. Raises OSError when it
    can't be had."""
    try:
        import fcntl
    except ImportError as missing:  # what is listed is heeded there all the same
        raise Misconfigured(f"this system has no {missing.name}: write the file with an editor") from missing
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    until = monotonic() + _LOCK_PATIENCE
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if monotonic() >= until:
                    raise OSError(errno.EBUSY, "another process holds a lock on its folder") from None
                sleep(_PAUSE)
            else:
                break
        yield
    finally:
        os.close(descriptor)


def _replace(path: Path, lines: Iterable[str]) -> None:
    descriptor, draft = mkstemp(prefix=f"{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), 0o644)
        Path(draft).replace(path)
    except OSError:
        with suppress(OSError):
            Path(draft).unlink()
        raise


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
