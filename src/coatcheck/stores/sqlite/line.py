"""A thread's own way to a SQLite file: one worker, one connection, opened when needed and dropped after any trouble."""

import os
from contextlib import ExitStack, suppress
from pathlib import Path
from time import monotonic
from typing import Final

from sqlalchemy import Connection

from coatcheck.errors import StoreUnavailable
from coatcheck.stores.sql import schema
from coatcheck.stores.sql.worker import Worker
from coatcheck.stores.sqlite import aside
from coatcheck.stores.sqlite.connect import connect, driver
from coatcheck.stores.sqlite.file_lock import FileLock

_DROP_PATIENCE: Final = 1.0


class Line:
    """Closing happens under the file lock too: the last one to close copies the write-ahead log back."""

    def __init__(self, path: Path, part: schema.Part, *, query_only: bool) -> None:
        self.worker = Worker(f"coatcheck {path.name} {'reader' if query_only else 'writer'}")
        self.lock = FileLock(path.with_name(path.name + "-lock"))
        self._path = path
        self._part = part
        self._query_only = query_only
        self._connection: Connection | None = None
        self._file: tuple[int, int] | None = None
        self._synchronous = ""

    def ready(self, *, is_locked: bool = False, any_version: bool = False) -> Connection:
        """The connection, to the file that is at the path now: a restored backup may have taken the place of another.

        Raises StoreUnavailable when there is none or, without ``any_version``, when another file has come whose tables
        are of a version that this one does not work over. (A newer one may upgrade the tables of this one while this
        process runs.)
        """
        file = _identity(self._path)
        if self._connection is not None and file != self._file:
            self.drop(is_locked=is_locked)
        if file is None:
            raise StoreUnavailable("The database file is not there.")
        if self._connection is None:
            if aside.read_text(self._path) is not None:
                raise StoreUnavailable("The database was moved elsewhere.")
            connection = connect(self._path, query_only=self._query_only)
            try:
                if not any_version and file != self._file and not schema.works_over(connection, self._part):
                    raise StoreUnavailable("The database has been replaced by one of another version.")
            except BaseException:
                connection.close()
                raise
            self._connection, self._file, self._synchronous = connection, file, ""
        return self._connection

    def synchronous(self, mode: str) -> None:
        """Set how much is forced to the disk at a commit."""
        if mode != self._synchronous and self._connection is not None:
            driver(self._connection).execute(f"PRAGMA synchronous = {mode}")
            self._synchronous = mode

    def drop(self, *, is_locked: bool = False) -> None:
        """Close the connection, if there is one, whatever is wrong with it.

        The lock is waited for only briefly: whoever holds it has the file open too, so this is not the last to close.
        """
        connection, self._connection = self._connection, None
        if connection is None:
            return
        with ExitStack() as stack:
            if not is_locked:
                with suppress(StoreUnavailable, OSError):
                    stack.enter_context(self.lock.held(monotonic() + _DROP_PATIENCE))
            connection.invalidate()
            connection.close()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - once per unit of work: a Path costs five times as much
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
