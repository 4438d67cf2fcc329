"""Looks at a database without making it, opening it for writing or bringing its tables up to date."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from coatcheck.errors import Misconfigured, StoreUnavailable
from coatcheck.stores.place import is_memory, path_of, place_of

if TYPE_CHECKING:
    from sqlalchemy import Connection


@contextmanager
def looking(url: str) -> "Iterator[Connection | None]":
    """A connection that can only read; None for a SQLite file that is not there, and for memory.

    Raises StoreUnavailable when the database is there but can't be read, or can't be reached, Misconfigured when it was
    moved elsewhere, lies behind a pooler that does not do, or ``url`` is no address of one.
    """
    place, path = place_of(url), path_of(url)
    if is_memory(url) or (path is not None and not path.exists()):
        yield None
    elif path is not None:
        with _looking_into(path) as connection:
            yield connection
    else:
        with _looking_at(url, place) as connection:
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
def _looking_at(url: str, place: str) -> "Iterator[Connection]":
    import psycopg
    from sqlalchemy.exc import DBAPIError

    from coatcheck.stores.postgres.connect import over, parameters, raw_connection
    from coatcheck.stores.postgres.requirements import require_usable

    try:
        wanted = parameters(url)
        with raw_connection(wanted) as raw, over(raw) as connection:
            require_usable(raw, wanted)
            raw.execute("BEGIN READ ONLY")
            yield connection
    except (DBAPIError, psycopg.Error) as fault:
        cause = fault.orig if isinstance(fault, DBAPIError) else fault
        reason = str(cause).partition("\n")[0] or type(cause).__name__
        raise StoreUnavailable(f"{place} can't be read: {reason}") from fault
