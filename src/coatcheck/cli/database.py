"""Looking at the database without touching it: is it there, are its tables up to date, where does its log end?"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

from coatcheck.errors import Misconfigured, StoreUnavailable
from coatcheck.upkeep.witness import Witness

CURRENT: Final = "current"
ABSENT: Final = "not there yet"
OTHER: Final = "of another version"
_SQLITE: Final = "sqlite:///"


class Sight(NamedTuple):
    """What was seen: ``place`` is a path, or "memory"; ``position`` is None where there is no log yet."""

    place: str
    state: str
    position: str | None = None


def path_of(url: str) -> Path | None:
    """The file behind a ``sqlite:///`` URL; None for ``memory:``."""
    return Path(url.removeprefix(_SQLITE)).absolute() if url.startswith(_SQLITE) else None


def look(url: str) -> Sight:
    """Look at the database that ``url`` names. Raises StoreUnavailable when it is there but can't be read."""
    path = path_of(url)
    if path is None:
        return Sight("memory", CURRENT)
    if not path.exists():
        return Sight(str(path), ABSENT)
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=5)) as raw:
            return Sight(str(path), *_state(raw))
    except sqlite3.Error as fault:
        reason = getattr(fault, "sqlite_errorname", "SQLITE_ERROR")
        raise StoreUnavailable(f"{path} can't be read as a SQLite database ({reason})") from fault


def require_there(url: str) -> None:
    """Raise Misconfigured when the database that ``url`` names is not there: a command that looks at an installation or
    changes it must not make an empty one in another place than was meant."""
    sight = look(url)
    if sight.state == ABSENT:
        raise Misconfigured(
            f"there is no database at {sight.place}. If it is elsewhere, set COATCHECK_DATABASE_URL, like "
            "sqlite:////var/lib/app.db; to make one here, run `coatcheck schema upgrade` or `coatcheck serve`"
        )


def require_shared(url: str) -> None:
    """Raise Misconfigured for a store that lives inside one process: no command can reach into a server's."""
    if url == "memory:":
        raise Misconfigured(
            "a memory: store lives inside the process that serves, and no command can reach it; use a file: "
            "COATCHECK_DATABASE_URL=sqlite:///coatcheck.db"
        )


def require_not_lost(url: str) -> None:
    """Raise Misconfigured when the database is gone although one was there: its witness still remembers it."""
    path = path_of(url)
    if path is None or path.exists():
        return
    seen = Witness(str(path)).recall()
    if seen is not None:
        raise Misconfigured(
            f"{path} is gone: {path}-witness has seen event {seen[0]} of it. Put it back, or to begin anew remove what "
            f"is left of it: rm {path}-*"
        )


def count_sessions(url: str) -> int | None:
    """How many sessions the database holds that have not been ended; None when that can't be told."""
    from coatcheck.stores.sql.tables import sessions

    try:
        with closing(sqlite3.connect(f"file:{quote(str(path_of(url)))}?mode=ro", uri=True, timeout=5)) as raw:
            count: int = raw.execute(f"SELECT count(*) FROM {sessions.name} WHERE ended_at IS NULL").fetchone()[0]  # noqa: S608
    except sqlite3.Error:
        return None
    return count


def _state(raw: sqlite3.Connection) -> tuple[str, str | None]:
    from coatcheck.stores.sql import migrations
    from coatcheck.stores.sql.tables import head

    tables = {name for (name,) in raw.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if migrations.VERSION_TABLE not in tables:
        return ABSENT, None
    versions = {version for (version,) in raw.execute(f"SELECT version_num FROM {migrations.VERSION_TABLE}")}  # noqa: S608
    if versions != {migrations.NEWEST["store"]}:
        return OTHER, None
    row = raw.execute(f"SELECT epoch, seq FROM {head.name}").fetchone()  # noqa: S608
    return CURRENT, None if row is None else f"{row[0]}.{row[1]}"
