"""What stands in the place of a database that was copied elsewhere: a text that says so.

Taking the file's place cuts off whoever has it open (``line``: they look whose file it is before every unit of work),
and nobody opens it unawares, whatever their version.
"""

import os
from contextlib import suppress
from pathlib import Path
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
    """Raise DataConflict when something is where the database would be kept, or where the text is written: other than
    what a copy left that was killed."""
    left = ((aside_of(path), _is_second_name), (_draft_of(path), _is_draft))
    for each, is_ours in left:
        if os.path.lexists(each) and not is_ours(path):
            raise DataConflict(f"{each} is in the way: move it elsewhere, or remove it")


def set_aside(path: Path, place: str) -> None:
    """Put the text in the place of the database, atomically. The caller holds the lock, and the write-ahead log is
    empty. Raises OSError, as for a full disk."""
    draft = _draft_of(path)
    if _is_draft(path):
        draft.unlink()
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            with suppress(PermissionError):  # for the servers to read, if it is an administrator who copies
                os.fchown(descriptor, path.stat().st_uid, path.stat().st_gid)
            file.write(text_for(path, place) + "\n")
            file.flush()
            os.fsync(file.fileno())
        _give_second_name(path)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    _sync(path.parent)
    for ending in ("-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def _draft_of(path: Path) -> Path:
    """Where the text is written before it takes the database's place: always the same, for the next copy to find."""
    return path.with_name(f"{path.name}-moved.draft")


def _is_draft(path: Path) -> bool:
    """Whether what is there is the text, or a part of it."""
    draft = _draft_of(path)
    if draft.is_symlink() or not draft.is_file():
        return False
    with draft.open("rb") as file:
        found = file.read(_LONGEST + 1)
    return len(found) <= _LONGEST and _BEGINNING.startswith(found[: len(_BEGINNING)])


def _give_second_name(path: Path) -> None:
    try:
        os.link(path, aside_of(path))
    except FileExistsError:
        if not _is_second_name(path):
            raise


def _is_second_name(path: Path) -> bool:
    """Whether the database is kept already under the name that it gets: a link that leads to it would not keep it."""
    try:
        return os.path.samestat(aside_of(path).lstat(), path.lstat())
    except FileNotFoundError:
        return False


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
