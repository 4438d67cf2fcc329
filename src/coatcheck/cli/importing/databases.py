"""A table of another application, in a SQLite file or in PostgreSQL, read row by row in the order of ``id``.

It is opened for reading only, and whoever uses it meanwhile does not have to wait. Which columns are wanted says
``accounts``; those that the table lacks are left out. A cursor is the key of a row and how many there were up to it.
"""

import json
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

from coatcheck.cli.importing.records import LONGEST, Record
from coatcheck.errors import Misconfigured, StoreUnavailable
from coatcheck.stores.place import parameters_of

KEY: Final = "id"
_LONGEST_KEY: Final = 100
_FETCHED: Final = 500
_POSTGRES_TEXTS: Final = frozenset({25, 1043})
_POSTGRES_INSTANTS: Final = frozenset({1082, 1114, 1184})
"""The numbers that PostgreSQL has for the types ``text`` and ``varchar``, and for dates and timestamps."""

_TABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*(?:\.[A-Za-z_][A-Za-z0-9_$]*)?", re.ASCII)


class SqliteTable:
    """See ``records.Source``. Its place says which import it is: it may be in use and grow."""

    def __init__(self, path: Path, table: str, columns: Sequence[str]) -> None:
        self.name, self.done = path.name, 0
        self.import_id = _identity("sqlite", str(path.resolve()), table)
        try:
            self._database = sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=ro", uri=True)
            self._database.text_factory = _text
            self._table = ".".join(map(_quoted, _parts(table)))
            there = {row[1] for row in self._database.execute(f"PRAGMA table_info({_quoted(_parts(table)[-1])})")}
            self._columns = _present(columns, there, table)
            self.total = self._database.execute(f"SELECT count(*) FROM {self._table}").fetchone()[0]  # noqa: S608
        except sqlite3.Error as fault:
            raise _unreadable(self.name, fault) from None

    def read(self, cursor: str) -> Iterator[Record]:
        # What is too long does not even reach this process: it arrives as bytes, which are no text.
        wanted = ", ".join(
            f"CASE WHEN length({column}) > {LONGEST} THEN x'' ELSE {column} END"
            for column in map(_quoted, self._columns)
        )
        key = _quoted(KEY)
        while True:
            after, given = f"WHERE {key} > ?" if cursor else "", _resumed(cursor)
            statement = f"SELECT {wanted} FROM {self._table} {after} ORDER BY {key} LIMIT {_FETCHED}"  # noqa: S608
            try:
                # All at once: where the application has no write-ahead log, it can't write while a row is waited for.
                rows = self._database.execute(statement, given[:1]).fetchall()
            except sqlite3.Error as fault:
                raise _unreadable(self.name, fault) from None
            self.done = given[1] if given else 0
            for row in rows:
                self.done += 1
                record = _row(self._columns, row, self.done)
                cursor = record.cursor
                yield record
            if len(rows) < _FETCHED:
                return

    def close(self) -> None:
        self._database.close()


class PostgresTable:
    """See ``records.Source``. Rows come through a cursor on the server, so none of them waits here."""

    def __init__(self, url: str, table: str, columns: Sequence[str]) -> None:
        try:
            import psycopg
        except ImportError:
            raise Misconfigured("reading from PostgreSQL needs more: pip install 'coatcheck[postgres]'") from None
        parts = parameters_of(url)
        if {"password", "sslpassword"} & parts.keys():
            raise Misconfigured(
                "arguments can be read by every process of this machine: leave the password out of the address and put "
                "it into ~/.pgpass, or into PGPASSWORD"
            )
        self.name, self.done = str(parts.get("dbname", "postgresql")), 0
        where = [str(parts.get(part, "")) for part in ("host", "hostaddr", "port", "service", "dbname")]
        self.import_id = _identity("postgresql", *where, table)
        self._fault, self._is_away = psycopg.Error, psycopg.OperationalError
        self._open = ExitStack()
        try:
            self._database: Any = self._open.enter_context(psycopg.connect(url, connect_timeout=10))
            self._database.read_only = True
            self._database.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            self._table = psycopg.sql.SQL(".").join(map(psycopg.sql.Identifier, _parts(table)))
            empty: Any = self._database.execute(psycopg.sql.SQL("SELECT * FROM {} LIMIT 0").format(self._table))
            types = {column.name: column.type_code for column in empty.description}
            self._columns = _present(columns, set(types), table)
            self._texts = {name for name, code in types.items() if code in _POSTGRES_TEXTS}
            self._instants = {name for name, code in types.items() if code in _POSTGRES_INSTANTS}
            self._database.execute("SET DateStyle TO ISO")
            counted: Any = self._database.execute(psycopg.sql.SQL("SELECT count(*) FROM {}").format(self._table))
            self.total = counted.fetchone()[0]
        except psycopg.Error as fault:
            self._open.close()
            raise self._unreadable(fault) from None
        except Misconfigured:
            self._open.close()
            raise

    def read(self, cursor: str) -> Iterator[Record]:
        from psycopg import sql

        key = sql.Identifier(KEY)
        after = sql.SQL("WHERE {} > %s").format(key) if cursor else sql.SQL("")
        statement = sql.SQL("SELECT {} FROM {} {} ORDER BY {}").format(
            sql.SQL(", ").join(map(self._cut, self._columns)), self._table, after, key
        )
        given = _resumed(cursor)
        self.done = given[1] if given else 0
        try:
            with self._database.cursor(name="coatcheck_import") as rows:
                rows.itersize = _FETCHED
                # As text: the server reads it as whatever the column is, a number or a UUID.
                for row in rows.execute(statement, [str(given[0])] if given else None):
                    self.done += 1
                    yield _row(self._columns, row, self.done)
        except self._fault as fault:
            raise self._unreadable(fault) from None

    def close(self) -> None:
        self._open.close()

    def _cut(self, column: str) -> Any:
        """The column, cut off where it is longer than anything that is taken; an instant as text."""
        from psycopg import sql

        if column in self._texts:
            return sql.SQL("left({}, {})").format(sql.Identifier(column), sql.Literal(LONGEST + 1))
        # Not every instant of PostgreSQL's is one of Python's.
        return sql.SQL("CAST({} AS text)" if column in self._instants else "{}").format(sql.Identifier(column))

    def _unreadable(self, fault: Exception) -> Exception:
        reason = str(getattr(getattr(fault, "diag", None), "message_primary", None) or fault).partition("\n")[0]
        kind = StoreUnavailable if isinstance(fault, self._is_away) else Misconfigured
        return kind(f"{self.name} can't be read: {reason}")


def _resumed(cursor: str) -> list[Any]:
    """Key and count from a cursor; nothing from an empty one."""
    return json.loads(cursor) if cursor else []


def _row(columns: Sequence[str], row: Sequence[Any], count: int) -> Record:
    fields = {name: str(value) if isinstance(value, UUID) else value for name, value in zip(columns, row, strict=True)}
    key = fields[KEY]
    if not isinstance(key, int | str) or len(str(key)) > _LONGEST_KEY or not str(key).isprintable():
        raise Misconfigured(f"the column {KEY} holds something that is no number and no short text")
    return Record(f"{KEY} {key}", json.dumps([key, count]), fields)


def _parts(table: str) -> list[str]:
    if not _TABLE.fullmatch(table):
        raise Misconfigured("a table is named by letters, digits and _, with its schema before a dot if it needs one")
    return table.split(".")


def _present(columns: Sequence[str], there: set[str], table: str) -> list[str]:
    """Those of ``columns`` that are there, with the key. Raises Misconfigured when nothing can be read without one."""
    needed = [KEY, *columns[:2]]
    missing = [name for name in needed if name not in there]
    if not there:
        raise Misconfigured(f"there is no table {table}; name another one with --table")
    if missing:
        raise Misconfigured(f"the table {table} has no column {missing[0]}: is it of another --format?")
    return [KEY, *(name for name in columns if name in there and name != KEY)]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(raw: bytes) -> str:
    """Text that may not be UTF-8: what is not becomes half characters, which no field takes."""
    return raw.decode("utf-8", "surrogateescape")


def _identity(*parts: str) -> str:
    return blake2b("\0".join(parts).encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def _unreadable(name: str, fault: sqlite3.Error) -> Misconfigured:
    return Misconfigured(f"{name} can't be read as a SQLite database: {fault}")
