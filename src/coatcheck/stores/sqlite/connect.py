"""A connection to a SQLite file, set up as every one of ours is."""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import quote

from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

WAL_LIMIT: Final = 4 * 1024 * 1024
"""Bytes. Above it the write-ahead log is copied back into the database; then it starts again from its beginning."""

_BUSY_SECONDS: Final = 5.0


class _Handed(threading.local):
    """What the engine is to open next, in this thread."""

    make: Callable[[], sqlite3.Connection]


_handed = _Handed()
_engine = create_engine("sqlite://", creator=lambda: _handed.make(), poolclass=NullPool, hide_parameters=True)
"""One engine for all files: a statement is compiled once for the whole process. It keeps no connection, and its errors
don't repeat what was to be stored: tracebacks end up in logs."""


def connect(path: Path, *, query_only: bool) -> Connection:
    """Open the file, which must exist. Transactions are begun and ended by the caller, on the driver's connection."""

    def make() -> sqlite3.Connection:
        raw = sqlite3.connect(
            f"file:{quote(str(path))}?mode=rw",
            uri=True,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        try:
            for pragma in (
                "wal_autocheckpoint = 0",
                f"journal_size_limit = {WAL_LIMIT}",
                "mmap_size = 0",
                "foreign_keys = ON",
                "trusted_schema = OFF",
                f"query_only = {int(query_only)}",
            ):
                raw.execute(f"PRAGMA {pragma}")
        except BaseException:
            raw.close()
            raise
        return raw

    return over(make)


def over(make: Callable[[], sqlite3.Connection]) -> Connection:
    """SQLAlchemy's connection over what ``make`` opens; closing the one closes the other."""
    _handed.make = make
    try:
        return _engine.connect()
    finally:
        del _handed.make


def driver(connection: Connection) -> sqlite3.Connection:
    """The driver's connection underneath."""
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)  # noqa: S101 - for the type checker
    return raw
