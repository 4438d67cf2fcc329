"""Statements run on the driver's own connection: those of every login, refresh and first sight of a credential.

SQLAlchemy writes the statement, once for each database, and says how parameters go in and columns come out. Were it to
run it too, that would cost more than the database, the network and the driver together.
"""

from collections import namedtuple
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final, Protocol, runtime_checkable

from sqlalchemy import Connection, Dialect, Executable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

Process = Callable[[Any], Any]


@runtime_checkable
class Deferring(Protocol):
    """A driver's connection that can send a statement together with the next one."""

    def defer(self, statement: str, parameters: Any = None) -> None:
        """Send it later; nobody waits for its answer."""


class DriverStatement:
    """A statement with one row of parameters. Its methods raise the driver's own errors.

    ``columns`` are those that an INSERT or UPDATE gets its values for from the parameters.
    """

    def __init__(self, statement: Executable, columns: Iterable[str] | None = None) -> None:
        self._statement = statement
        self._columns = None if columns is None else list(columns)
        self._compiled: dict[str, CompiledStatement] = {}

    def all(self, connection: Connection, parameters: Mapping[str, Any]) -> list[Any]:
        """The rows, as tuples with the names of the columns."""
        compiled = self.compiled(connection.dialect)
        answer = _driver(connection).execute(compiled.text, compiled.arguments(parameters))
        return compiled.rows(answer, answer.fetchall())

    def first(self, connection: Connection, parameters: Mapping[str, Any]) -> Any | None:
        """The first row, or None."""
        rows = self.all(connection, parameters)
        return rows[0] if rows else None

    def count(self, connection: Connection, parameters: Mapping[str, Any]) -> int:
        """How many rows an INSERT, UPDATE or DELETE was about."""
        compiled = self.compiled(connection.dialect)
        count: int = _driver(connection).execute(compiled.text, compiled.arguments(parameters)).rowcount
        return count

    def defer(self, connection: Connection, parameters: Mapping[str, Any]) -> None:
        """Have it done without waiting for an answer. A database elsewhere is sent it together with the next question;
        should it fail, the unit of work does, then."""
        compiled, driver = self.compiled(connection.dialect), _driver(connection)
        send = driver.defer if isinstance(driver, Deferring) else driver.execute
        send(compiled.text, compiled.arguments(parameters))

    def compiled(self, dialect: Dialect) -> "CompiledStatement":
        """The statement as one database reads it. All connections speak alike, whatever file or server they lead to."""
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            made = self._statement.compile(dialect=dialect, column_keys=self._columns)  # type: ignore[attr-defined]
            compiled = self._compiled[dialect.name] = CompiledStatement(made, dialect, self._columns or ())
        return compiled


class CompiledStatement:
    """A statement's ``text``, what goes into it, and what comes out."""

    def __init__(self, compiled: SQLCompiler, dialect: Dialect, columns: Collection[str]) -> None:
        types = {name: bound.type.dialect_impl(dialect) for bound, name in compiled.bind_names.items()}
        going_in = {name: kind.bind_processor(dialect) for name, kind in types.items()}
        self.text: Final = compiled.string
        self._order: Final = compiled.positiontup
        self._own: Final = {
            name: value for name, value in compiled.params.items() if value is not None and name not in columns
        }
        self._going_in: Final = [(name, process) for name, process in going_in.items() if process is not None]
        selected = list(getattr(compiled.statement, "selected_columns", ()))
        self._row: Final[type[Any]] = namedtuple("Row", [column.key or "" for column in selected])  # type: ignore[misc]
        self._types: Final[list[TypeEngine[Any]]] = [column.type.dialect_impl(dialect) for column in selected]
        self._dialect: Final = dialect
        self._coming_out: list[tuple[int, Process]] | None = None

    def arguments(self, parameters: Mapping[str, Any]) -> Any:
        """``parameters`` as the driver takes them."""
        given = {**self._own, **parameters}
        for name, process in self._going_in:
            given[name] = process(given[name])
        return given if self._order is None else [given[name] for name in self._order]

    def rows(self, answer: Any, fetched: Iterable[Any]) -> list[Any]:
        """What was ``fetched`` from a driver's cursor, as tuples with the names of the columns."""
        if self._coming_out is None:  # how the driver gives some of the types can be told from what it says of them
            self._coming_out = self._processors([column[1] for column in answer.description])
        return [self._converted(list(row), self._coming_out) for row in fetched]

    def _processors(self, kinds: list[Any]) -> list[tuple[int, Process]]:
        processors = map(lambda each, kind: each.result_processor(self._dialect, kind), self._types, kinds)
        return [(at, process) for at, process in enumerate(processors) if process is not None]

    def _converted(self, row: list[Any], processed: list[tuple[int, Process]]) -> Any:
        for at, process in processed:
            row[at] = process(row[at])
        return self._row._make(row)


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection
