"""What stands in the place of a database that was copied elsewhere: a text that says so.

Taking the file's place cuts off whoever has it open (``line``: they look whose file it is before every unit of work),
and nobody opens it unawares, whatever their version.
"""

import os
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp
from typing import Final

from coatcheck.errors import DataConflict

_BEGINNING: Final = b"This is no database any more: "
_LONGEST: Final = 4_000


def aside_of(path: Path) -> Path:
    """Where the database is kept after it was set aside."""
    return path.with_name(f"{path.name}-moved")


def text_for(path: Path, place: str) -> str:
    """What is left in the place of the database at ``path`` when ``place`` has taken over."""
    aside = aside_of(path).name
    return (
        f"{_BEGINNING.decode()}it was copied to {place}, which COATCHECK_DATABASE_URL should name. What was here is "
        f"kept in {aside}. To go back to that, losing what was done since: mv {aside} {path.name}, then "
        "`coatcheck schema restored`."
    )


def read_text(path: Path) -> str | None:
    """The text at ``path``; None for a database, and where nothing is."""
    try:
        # A database is never opened here: closing it would drop the locks that SQLite holds on it in this process, and
        # the write-ahead log would be removed under it. Its first page alone is longer than the text.
        if not 0 < path.stat().st_size <= _LONGEST:
            return None
        with path.open("rb") as file:
            found = file.read(_LONGEST)
    except OSError:
        return None
    return found.decode(errors="replace").strip() if found.startswith(_BEGINNING) else None


def require_vacant(path: Path) -> None:
    """Raise DataConflict when something is where the database would be kept."""
    if aside_of(path).exists():
        raise DataConflict(f"{aside_of(path)} is in the way: move it elsewhere, or remove it")


def set_aside(path: Path, place: str) -> None:
    """Put the text in the place of the database, atomically. The caller holds the lock, and the write-ahead log is
    empty. Raises OSError, as for a full disk."""
    descriptor, draft = mkstemp(prefix=f"{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            with suppress(PermissionError):  # for the servers to read, if it is an administrator who copies
                os.fchown(descriptor, path.stat().st_uid, path.stat().st_gid)
            file.write(text_for(path, place) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(path, aside_of(path))
        Path(draft).replace(path)
    finally:
        Path(draft).unlink(missing_ok=True)
    _sync(path.parent)
    for ending in ("-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
