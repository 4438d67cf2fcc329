"""The PostgreSQL database that is filled: how far the filling is, and nothing that can be opened before its end."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg import errors
from sqlalchemy import Connection, Table
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import CreateIndex, CreateTable

from coatcheck.errors import DataConflict, Misconfigured, StoreUnavailable
from coatcheck.model.position import Epoch
from coatcheck.stores.copying.columns import REGISTRY, TABLES, Row, columns_of, types_of
from coatcheck.stores.place import place_of
from coatcheck.stores.postgres.connect import over, parameters, raw_connection
from coatcheck.stores.postgres.requirements import require_usable
from coatcheck.stores.sql import migrations, schema
from coatcheck.stores.sql.tables import PREFIX, audit, head
from coatcheck.stores.sql.trouble import translated

_PLACES: Final = f"{PREFIX}copying"
_VERSIONS: Final = migrations.VERSION_TABLE
_EPOCH: Final = "epoch"
_SOURCE: Final = "source"
_START: Final = -(2**63)
_LOCK_TIMEOUT_MS: Final = 20_000


class Target:
    """The database, over a connection of its own. ``_PLACES`` is there while it is being filled: for each table the
    place in the source up to which it has been copied, and whose copy it is."""

    def __init__(self, raw: "psycopg.Connection[Any]", connection: Connection) -> None:
        self._raw = raw
        self._connection = connection
        self._places: dict[str, str] = {}

    def holds(self, epoch: Epoch) -> bool:
        """Whether a whole installation is here, with that history."""
        if not all(schema.works_over(self._connection, part) for part in schema.PARTS):
            return False
        row = self._raw.execute(f"SELECT epoch FROM {head.name}").fetchone()  # noqa: S608
        return row is not None and row[0] == str(epoch)

    def begin(self, epoch: Epoch, source: str, *, may_make: bool) -> bool:
        """Make the tables, or go on where a copy was stopped; True when there is one to go on with.

        A copy that was begun from an earlier state of the same database, by an earlier version perhaps, is begun anew,
        tables and all. Raises DataConflict when anything else is here, or without ``may_make`` nothing.
        """
        with self._raw.transaction():
            there = self._there()
            if _PLACES not in there:
                if there:
                    raise DataConflict(
                        f"the target has tables of an installation already ({there[0]} …); give an empty database"
                    )
                if not may_make:
                    raise DataConflict("the source was copied before, and the target is empty: it was another one")
                self._make(epoch, source)
                return False
            # Waits for what a copy that was killed had sent off.
            rows = self._raw.execute(f"SELECT name, place FROM {_PLACES} FOR UPDATE").fetchall()  # noqa: S608
            self._places = dict(rows)
            if self._places[_EPOCH] != str(epoch):
                raise DataConflict("the target holds a copy of another installation, which was begun and not ended")
            if self._places[_SOURCE] == source:
                return any(place != str(_START) for name, place in self._places.items() if name.startswith(PREFIX))
            self._raw.execute(f"DROP TABLE {', '.join(name for name in there if name != _PLACES)}")
            self._make(epoch, source)
            return False

    def place(self, table: Table) -> int:
        """Up to where ``table`` has been copied."""
        return int(self._places[table.name])

    def take(self, table: Table, rows: Iterable[Row], place: int) -> None:
        """Add ``rows``, which reach to ``place``. Raises DataConflict when somebody else fills the same table."""
        with self._raw.transaction():
            moved = self._raw.execute(
                f"UPDATE {_PLACES} SET place = %s WHERE name = %s AND place = %s",  # noqa: S608
                [str(place), table.name, self._places[table.name]],
            )
            if moved.rowcount != 1:
                raise DataConflict("another `coatcheck copy` fills this target at the moment")
            self._add(table, rows)
        self._places[table.name] = str(place)

    def make_indexes(self) -> None:
        """After the rows, which is several times as fast; those that are there stay."""
        for table in TABLES:
            for index in table.indexes:
                self._connection.execute(CreateIndex(index, if_not_exists=True))

    def rows(self, table: Table) -> Iterator[Row]:
        """All rows."""
        with self._raw.cursor().copy(
            f"COPY (SELECT {columns_of(table)} FROM {table.name}) TO STDOUT (FORMAT BINARY)"  # noqa: S608
        ) as copied:
            copied.set_types(types_of(table))
            yield from copied.rows()

    def spoil(self) -> None:
        """Have the next copy begin anew."""
        self._raw.execute(f"UPDATE {_PLACES} SET place = '' WHERE name = %s", [_SOURCE])  # noqa: S608

    def finish(self, registrations: list[Row], check: Callable[[], None]) -> None:
        """Take the registry, ``check`` what is here then, and be a database that can be opened, all or nothing."""
        self._raw.execute("ANALYZE " + ", ".join(table.name for table in TABLES))
        with self._raw.transaction():
            self._raw.execute(f"DELETE FROM {REGISTRY.name}")  # noqa: S608
            self._add(REGISTRY, registrations)
            check()
            self._raw.execute(
                f"SELECT setval(pg_get_serial_sequence('{audit.name}', 'number'), coalesce(max(number), 0) + 1, false)"  # noqa: S608
                f" FROM {audit.name}"
            )
            self._raw.execute(f"DELETE FROM {_VERSIONS}")  # noqa: S608
            for part in schema.PARTS:
                schema.mark_newest(self._connection, part)
            self._raw.execute(f"DROP TABLE {_PLACES}")

    def _there(self) -> list[str]:
        ours = [_PLACES, _VERSIONS, REGISTRY.name, *(table.name for table in TABLES)]
        found = self._raw.execute(
            "SELECT name FROM unnest(%s::text[]) AS name WHERE to_regclass(name) IS NOT NULL", [ours]
        )
        return [name for (name,) in found]

    def _make(self, epoch: Epoch, source: str) -> None:
        for table in (*TABLES, REGISTRY):
            self._connection.execute(CreateTable(table))
        for index in REGISTRY.indexes:
            self._connection.execute(CreateIndex(index))
        schema.mark(self._connection, migrations.BEING_FILLED)
        self._raw.execute(f"CREATE TABLE IF NOT EXISTS {_PLACES} (name text PRIMARY KEY, place text NOT NULL)")
        self._raw.execute(f"DELETE FROM {_PLACES}")  # noqa: S608
        self._places = {_EPOCH: str(epoch), _SOURCE: source, **{table.name: str(_START) for table in TABLES}}
        with self._raw.cursor() as cursor:
            cursor.executemany(f"INSERT INTO {_PLACES} VALUES (%s, %s)", list(self._places.items()))  # noqa: S608

    def _add(self, table: Table, rows: Iterable[Row]) -> None:
        try:
            with self._raw.cursor().copy(
                f"COPY {table.name} ({columns_of(table)}) FROM STDIN (FORMAT BINARY)"
            ) as copying:
                copying.set_types(types_of(table))
                for row in rows:
                    copying.write_row(row)
        except errors.CharacterNotInRepertoire as fault:
            raise Misconfigured(
                f"a row of {table.name} holds a character that this PostgreSQL can't keep: its encoding must be UTF8, "
                "and texts can't hold a NUL"
            ) from fault


@contextmanager
def reached(url: str) -> Iterator[Target]:
    """The database that ``url`` names. Raises StoreUnavailable when it can't be reached, or is lost on the way,
    Misconfigured when servers would not start over it."""
    try:
        wanted = parameters(url)
        raw = raw_connection(wanted, statement_timeout=0, lock_timeout=_LOCK_TIMEOUT_MS)
    except psycopg.Error as fault:
        reason = str(fault).partition("\n")[0] or type(fault).__name__
        raise StoreUnavailable(f"{place_of(url)} can't be reached: {reason}") from fault
    try:
        with raw, over(raw) as connection:
            require_usable(raw, wanted)
            yield Target(raw, connection)
    except (psycopg.Error, SQLAlchemyError) as fault:
        raise translated(fault) from fault
