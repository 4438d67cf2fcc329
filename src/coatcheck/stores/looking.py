"""Looks at a database without making it, opening it for writing or bringing its tables up to date."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from coatcheck.errors import Misconfigured, StoreUnavailable

if TYPE_CHECKING:
    from sqlalchemy import Connection

_SQLITE: Final = "sqlite:///"
_MEMORY: Final = "memory:"


def path_of(url: str) -> Path | None:
    """The file behind a ``sqlite:///`` URL; None for any other database."""
    return Path(url.removeprefix(_SQLITE)).absolute() if url.startswith(_SQLITE) else None


def place_of(url: str) -> str:
    """What to call the database in a sentence: a path, "memory", or its name and host, never a password."""
    if url == _MEMORY:
        return "memory"
    path = path_of(url)
    if path is not None:
        return str(path)
    from psycopg import conninfo

    parts = conninfo.conninfo_to_dict(url)
    return f"{parts.get('dbname', 'the default database')} at {parts.get('host', 'this machine')}"


@contextmanager
def looking(url: str) -> "Iterator[Connection | None]":
    """A connection that can only read; None for a SQLite file that is not there, and for memory.

    Raises StoreUnavailable when the database is there but can't be read, or can't be reached, Misconfigured when it was
    moved elsewhere, or lies behind a pooler that does not do.
    """
    path = path_of(url)
    if url == _MEMORY or (path is not None and not path.exists()):
        yield None
    elif path is not None:
        with _looking_into(path) as connection:
            yield connection
    else:
        with _looking_at(url) as connection:
            yield connection


@contextmanager
def _looking_into(path: Path) -> "Iterator[Connection]":
    from sqlalchemy.exc import DBAPIError

    from coatcheck.stores.sqlite import aside
    from coatcheck.stores.sqlite.connect import over

    said = aside.read_text(path)
    if said is not None:
        raise Misconfigured(f"{path}: {said}")
    try:
        with over(lambda: sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=5)) as connection:
            yield connection
    except (DBAPIError, sqlite3.Error) as fault:
        cause = fault.orig if isinstance(fault, DBAPIError) else fault
        reason = getattr(cause, "sqlite_errorname", "SQLITE_ERROR")
        raise StoreUnavailable(f"{path} can't be read as a SQLite database ({reason})") from fault


@contextmanager
def _looking_at(url: str) -> "Iterator[Connection]":
    import psycopg
    from sqlalchemy.exc import DBAPIError

    from coatcheck.stores.postgres.connect import over, parameters, raw_connection
    from coatcheck.stores.postgres.poolers import require_sessions

    try:
        wanted = parameters(url)
        with raw_connection(wanted) as raw, over(raw) as connection:
            require_sessions(raw, wanted)
            raw.execute("BEGIN READ ONLY")
            yield connection
    except (DBAPIError, psycopg.Error) as fault:
        cause = fault.orig if isinstance(fault, DBAPIError) else fault
        reason = str(cause).partition("\n")[0] or type(cause).__name__
        raise StoreUnavailable(f"{place_of(url)} can't be read: {reason}") from fault
