"""The SQLite file that is copied: at rest, and read as it is stored."""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime, timedelta
from hashlib import file_digest
from itertools import chain
from pathlib import Path
from time import monotonic
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import Table

from coatcheck.errors import DataConflict, Misconfigured, StoreUnavailable
from coatcheck.model.key import SigningKey
from coatcheck.model.position import Position
from coatcheck.stores.copying.columns import REGISTRY, Row, columns_of, switches_of
from coatcheck.stores.sql import schema
from coatcheck.stores.sql.keys import SqlKeys
from coatcheck.stores.sql.log import SqlLog
from coatcheck.stores.sqlite import aside
from coatcheck.stores.sqlite.connect import over
from coatcheck.stores.sqlite.file_lock import FileLock

BATCH: Final = 5_000
_LOCK_PATIENCE: Final = 5.0
_BUSY_SECONDS: Final = 5.0
_ALIVE_FOR: Final = 3
"""Leases. A subscriber that lives is heard of at least every two."""


class Source:
    """The file at rest. ``digest`` is that of all its bytes: a copy that was begun goes on only from the same."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.said = aside.read_text(path)
        """What stands in the database's place, if it was set aside."""
        self._file = path if self.said is None else aside.aside_of(path)
        if not self._file.exists():
            raise Misconfigured(f"there is no database at {self._file}")
        self._raw = self._connect(self._file, "mode=ro&immutable=1")
        try:
            with over(lambda: self._connect(self._file, "mode=ro&immutable=1")) as connection:
                _require_current(path, schema.look(connection, "store"))
                head = SqlLog(connection).head()
                self.position: Position = head.position
                self.lease_ms = head.lease_ms
                self.keys: tuple[SigningKey, ...] = tuple(SqlKeys(connection).all())
            self.digest = self._digest()
        except BaseException:
            self._raw.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        self._raw.close()

    def count(self, table: Table, *, up_to: int | None = None) -> int:
        """How many rows there are; with ``up_to`` how many until that place."""
        where = "" if up_to is None else f" WHERE rowid <= {up_to:d}"
        count: int = self._raw.execute(f"SELECT count(*) FROM {table.name}{where}").fetchone()[0]  # noqa: S608
        return count

    def batches(self, table: Table, after: int) -> Iterator[tuple[int, list[Row]]]:
        """The rows behind the place ``after``, so many at a time, each time with the place that is reached."""
        found = self._raw.execute(
            f"SELECT rowid, {columns_of(table)} FROM {table.name} WHERE rowid > ? ORDER BY rowid",  # noqa: S608
            [after],
        )
        while batch := found.fetchmany(BATCH):
            yield batch[-1][0], _stored(table, [row[1:] for row in batch])

    def rows(self, table: Table) -> Iterator[Row]:
        """All rows."""
        return chain.from_iterable(batch for _, batch in self.batches(table, -(2**63)))

    def registrations(self) -> list[Row]:
        """The registry. Whoever was answered last has at most the head's lease, even if that is not noted yet."""
        registry = self._registry
        if not registry.exists():
            return []
        at = REGISTRY.columns.keys().index("lease_ms")
        with closing(self._connect(registry, "mode=rw")) as raw:
            rows = raw.execute(f"SELECT {columns_of(REGISTRY)} FROM {REGISTRY.name}").fetchall()  # noqa: S608
        return [(*row[:at], max(row[at], self.lease_ms), *row[at + 1 :]) for row in rows]

    def require_nobody_at_work(self, now: datetime) -> None:
        """Raise DataConflict while processes that use the database are registered and were heard of lately.

        What holds whatever this finds: nothing can be written while the lock is held, and nothing afterwards where the
        database was set aside.
        """
        if not self._registry.exists():
            return
        since = now - timedelta(milliseconds=_ALIVE_FOR * self.lease_ms)
        names = ("name", "heard_at", "lapsed_at", "credential")
        places = [REGISTRY.columns.keys().index(name) for name in names]
        alive = []
        for row in self.registrations():
            name, heard_at, lapsed_at, credential = (row[at] for at in places)
            if credential is None and lapsed_at is None and heard_at >= since.timestamp() * 1_000_000:
                alive.append(name)
        if alive:
            raise DataConflict(
                f"{len(alive)} running: {', '.join(sorted(alive))}. Stop what uses {self.path} first; what was killed "
                f"counts until it was silent for {_ALIVE_FOR * self.lease_ms / 1000:g} s"
            )

    def require_untouched(self) -> None:
        """Raise DataConflict when somebody has written to the file all the same, past the lock."""
        wal = Path(f"{self._file}-wal")
        if (wal.exists() and wal.stat().st_size) or self._digest() != self.digest:
            raise DataConflict(f"{self._file} was written to meanwhile, by something that heeds no lock; copy it again")

    def set_aside(self, place: str) -> None:
        """Put a text in the database's place that says where it is now. Raises StoreUnavailable when that can't be
        written."""
        try:
            aside.set_aside(self.path, place)
        except OSError as fault:
            raise StoreUnavailable(f"{self.path} can't be set aside: {fault.strerror}") from fault

    @property
    def _registry(self) -> Path:
        return _registry_of(self.path)

    def _digest(self) -> str:
        with self._file.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()

    @staticmethod
    def _connect(path: Path, how: str) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{quote(str(path))}?{how}", uri=True, timeout=_BUSY_SECONDS)


@contextmanager
def at_rest(path: Path) -> Iterator[Source]:
    """The database at ``path``, which nobody writes to until the block ends: the locks of it and of its registry are
    held.

    Raises Misconfigured when there is none or it is of another version, StoreUnavailable when it can't be had.
    """
    if not path.exists():
        raise Misconfigured(f"there is no database at {path}")
    with ExitStack() as held:
        try:
            for each in (path, _registry_of(path)):
                lock = FileLock(each.with_name(f"{each.name}-lock"))
                held.callback(lock.close)
                held.enter_context(lock.held(monotonic() + _LOCK_PATIENCE))
            if aside.read_text(path) is None:
                aside.require_vacant(path)
                _empty_wal(path)
            source = held.enter_context(closing(Source(path)))
        except OSError as fault:
            raise StoreUnavailable(f"{path} can't be read: {fault.strerror}") from fault
        except sqlite3.Error as fault:
            raise _unreadable(path, fault) from fault
        try:
            yield source
        except sqlite3.Error as fault:
            raise _unreadable(path, fault) from fault


def _require_current(path: Path, state: schema.State) -> None:
    """A copy by an older version would leave out what a newer one has added."""
    match state:
        case "current":
            return
        case "of a newer version" | "of a version too new":
            mend = "copy it with that version"
        case _:
            mend = "bring them up to date first: `coatcheck schema upgrade`"
    raise Misconfigured(f"the tables of {path} are {state}; {mend}")


def _unreadable(path: Path, fault: sqlite3.Error) -> StoreUnavailable:
    reason = getattr(fault, "sqlite_errorname", "SQLITE_ERROR")
    return StoreUnavailable(f"{path} can't be read as a SQLite database ({reason})")


def _registry_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-subscribers")


def _empty_wal(path: Path) -> None:
    """Bring everything into the file itself."""
    with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=_BUSY_SECONDS)) as raw:
        is_busy, _, _ = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if is_busy:
        raise StoreUnavailable(f"{path} is being read by somebody; stop what uses it first")


def _stored(table: Table, rows: list[Row]) -> list[Row]:
    switches = switches_of(table)
    return [_switched(row, switches) for row in rows] if switches else rows


def _switched(row: Row, switches: list[int]) -> Row:
    values: list[Any] = list(row)
    for at in switches:
        if values[at] is not None:
            values[at] = bool(values[at])
    return tuple(values)
