"""What nobody waits for travels with the next question: a round trip to the database costs more than most statements.

BEGIN is one of these, and whatever is deferred by ``DriverStatement.defer``. Should one fail, the question that it went
with raises its error, and the unit of work is undone.

A pipeline leaves in one piece, when it ends. The driver would send each statement by itself: whoever is stopped between
two, with the head locked by the first and COMMIT not on its way, would hold up every revocation.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import psycopg
from psycopg import Pipeline
from psycopg.abc import Params, PQGen
from psycopg.rows import TupleRow


class _InOnePiece(Pipeline):
    """A pipeline that hands what it is given to the client library, which sends it when the pipeline ends, or when it
    becomes more than 64 KiB."""

    def _communicate_gen(self) -> PQGen[None]:
        while self.command_queue:
            self.command_queue.popleft()()
        yield from ()


class PipelinedConnection(psycopg.Connection[TupleRow]):
    """A connection that keeps what is to be sent later."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._deferred: list[tuple[str, Params | None]] = []
        self.cursor_factory = _PipelinedCursor

    @contextmanager
    def pipeline(self) -> Iterator[Pipeline]:
        """As the driver's own, but sent in one piece."""
        if self._pipeline is None and not self.closed:
            self._pipeline = _InOnePiece(self)
        with super().pipeline() as pipeline:
            yield pipeline

    def defer(self, statement: str, parameters: Params | None = None) -> None:
        """Send ``statement`` together with the next question; nobody sees its answer."""
        self._deferred.append((statement, parameters))

    def send_deferred(self) -> None:
        """Hand over what was deferred. Call it in a pipeline, before the question."""
        deferred, self._deferred = self._deferred, []
        for statement, parameters in deferred:
            psycopg.Cursor(self).execute(statement, parameters)

    def flush(self) -> None:
        """Send what was deferred without a question, and raise what came of it."""
        if self._deferred:
            with self.pipeline():
                self.send_deferred()

    def discard_deferred(self) -> None:
        """Don't send what was deferred: the unit of work is not to be."""
        self._deferred.clear()

    @property
    def has_deferred(self) -> bool:
        """Whether anything is still to be sent."""
        return bool(self._deferred)

    def cursor(self, name: str = "", **named: Any) -> Any:
        """As the driver's own; a named one, which the server keeps, begins when all that was deferred has been sent."""
        if name:
            self.flush()
        return super().cursor(name, **named)


class _PipelinedCursor(psycopg.Cursor[TupleRow]):
    """A cursor that takes along what was deferred."""

    def execute(self, query: Any, params: Params | None = None, **how: Any) -> Self:
        with _taking_along(self.connection):
            return super().execute(query, params, **how)

    def executemany(self, query: Any, params_seq: Iterable[Params], **how: Any) -> None:
        with _taking_along(self.connection):
            super().executemany(query, params_seq, **how)


@contextmanager
def _taking_along(connection: "psycopg.Connection[Any]") -> Iterator[None]:
    if isinstance(connection, PipelinedConnection) and connection.has_deferred:
        with connection.pipeline():
            connection.send_deferred()
            yield
    else:
        yield
