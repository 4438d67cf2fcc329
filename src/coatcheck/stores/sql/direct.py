"""Reads that are run on the driver's own connection: what every first sight of a credential, and every subscriber,
waits for.

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
        self._text: Final = compiled.string
        self._order: Final = compiled.positiontup
        self._own: Final = {name: value for name, value in compiled.params.items() if value is not None}
        self._row: Final[type[Any]] = namedtuple("Row", [column.key or "" for column in columns])  # type: ignore[misc]
        self._types: Final = [column.type.dialect_impl(dialect) for column in columns]
        self._dialect: Final = dialect
        self._processed: list[tuple[int, Callable[[Any], Any]]] | None = None

    def run(self, raw: Any, parameters: Mapping[str, Any]) -> list[Any]:
        given, order = {**self._own, **parameters}, self._order
        found = raw.execute(self._text, given if order is None else [given[name] for name in order])
        if self._processed is None:  # how the driver gives some of the types can be told from what it says of them
            self._processed = self._to_be_processed([column[1] for column in found.description])
        return [self._converted(list(row), self._processed) for row in found.fetchall()]

    def _to_be_processed(self, kinds: list[Any]) -> list[tuple[int, Callable[[Any], Any]]]:
        processors = map(lambda each, kind: each.result_processor(self._dialect, kind), self._types, kinds)
        return [(at, process) for at, process in enumerate(processors) if process is not None]

    def _converted(self, row: list[Any], processed: list[tuple[int, Callable[[Any], Any]]]) -> Any:
        for at, process in processed:
            row[at] = process(row[at])
        return self._row._make(row)
