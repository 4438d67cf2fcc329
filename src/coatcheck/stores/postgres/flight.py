"""What nobody waits for travels with the next question: a flight to the database costs more than most statements do.

BEGIN is one of these, and whatever is left with ``Direct.leave``. Should one fail, the question that it went with
raises its error, and the unit of work is undone.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import psycopg
from psycopg.abc import Params
from psycopg.rows import TupleRow


class Wire(psycopg.Connection[TupleRow]):
    """A connection that keeps what is to be sent later."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._unsent: list[tuple[str, Params | None]] = []
        self.cursor_factory = _Question

    def later(self, statement: str, parameters: Params | None = None) -> None:
        """Send ``statement`` in one flight with the next question; nobody sees its answer."""
        self._unsent.append((statement, parameters))

    def send(self) -> None:
        """Hand over what was left for later. Call it in a pipeline, before the question."""
        unsent, self._unsent = self._unsent, []
        for statement, parameters in unsent:
            psycopg.Cursor(self).execute(statement, parameters)

    def send_alone(self) -> None:
        """Send what was left for later without a question, and raise what came of it."""
        if self._unsent:
            with self.pipeline():
                self.send()

    def forget(self) -> None:
        """Don't send what was left for later: the unit of work is not to be."""
        self._unsent.clear()

    @property
    def has_unsent(self) -> bool:
        """Whether anything is left to be sent."""
        return bool(self._unsent)

    def cursor(self, name: str = "", **named: Any) -> Any:
        """As the driver's own; a named one, which the server keeps, begins when all that was left has been sent."""
        if name:
            self.send_alone()
        return super().cursor(name, **named)


class _Question(psycopg.Cursor[TupleRow]):
    """A cursor that takes along what was left for later."""

    def execute(self, query: Any, params: Params | None = None, **how: Any) -> Self:
        with _taking_along(self.connection):
            return super().execute(query, params, **how)

    def executemany(self, query: Any, params_seq: Iterable[Params], **how: Any) -> None:
        with _taking_along(self.connection):
            super().executemany(query, params_seq, **how)


@contextmanager
def _taking_along(wire: "psycopg.Connection[Any]") -> Iterator[None]:
    if isinstance(wire, Wire) and wire.has_unsent:
        with wire.pipeline():
            wire.send()
            yield
    else:
        yield
