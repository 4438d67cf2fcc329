"""What is copied, and in which form a row travels: the stored values, in the order of the columns."""

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from sqlalchemy import Boolean, Table
from sqlalchemy.dialects import postgresql

from coatcheck.stores.sql.tables import metadata, registrations

Row: TypeAlias = tuple[Any, ...]
"""Stored values: None, bool, int, float, str or bytes, the same on both sides."""

TABLES: Final[Sequence[Table]] = metadata.sorted_tables
"""Everything but the registry."""

REGISTRY: Final = registrations

_DIALECT: Final = postgresql.dialect()  # type: ignore[no-untyped-call]
_NAMES: Final = {
    "BIGINT": "int8",
    "BOOLEAN": "bool",
    "BYTEA": "bytea",
    "FLOAT": "float8",
    "INTEGER": "int4",
    "TEXT": "text",
}


def columns_of(table: Table) -> str:
    """The columns' names, as a statement has them."""
    return ", ".join(column.name for column in table.columns)


def types_of(table: Table) -> list[str]:
    """The columns' types, as PostgreSQL's catalogue has them."""
    return [_NAMES[column.type.compile(dialect=_DIALECT)] for column in table.columns]


def switches_of(table: Table) -> list[int]:
    """Which columns are true or false, which SQLite keeps as 1 or 0."""
    return [at for at, column in enumerate(table.columns) if isinstance(column.type, Boolean)]
