"""Reads that are run on the driver's own connection: what every first sight of a credential waits for.

SQLAlchemy writes the statement, once for each database, and says how its columns come out. Were it to run it too, that
would cost more than the database, the network and the driver together.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import Connection, Dialect, Select


class Direct:
    """A SELECT whose parameters need no conversion: text, bytes and numbers."""

    def __init__(self, statement: Select[Any]) -> None:
        self._statement = statement
        self._written: dict[str, _Written] = {}

    def all(self, connection: Connection, parameters: Mapping[str, Any]) -> list[Any]:
        """The rows, as tuples with the names of the columns. Raises the driver's own errors."""
        written = self._written.get(connection.dialect.name)
        if written is None:
            written = self._written[connection.dialect.name] = _Written(self._statement, connection.dialect)
        return written.run(connection.connection.driver_connection, parameters)


class _Written:
    """The statement for one database. All of its connections speak alike, whatever file or server they lead to."""

    def __init__(self, statement: Select[Any], dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        columns = list(statement.selected_columns)
        processors = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
        self._text: Final = compiled.string
        self._order: Final = compiled.positiontup
        self._row: Final[type[Any]] = namedtuple("Row", [column.key or "" for column in columns])  # type: ignore[misc]
        self._processed: Final[list[tuple[int, Callable[[Any], Any]]]] = [
            (at, process) for at, process in enumerate(processors) if process is not None
        ]

    def run(self, raw: Any, parameters: Mapping[str, Any]) -> list[Any]:
        order = self._order
        found = raw.execute(self._text, parameters if order is None else [parameters[name] for name in order])
        return [self._converted(list(row)) for row in found.fetchall()]

    def _converted(self, row: list[Any]) -> Any:
        for at, process in self._processed:
            row[at] = process(row[at])
        return self._row._make(row)
