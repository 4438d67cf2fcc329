"""Two transactions on one PostgreSQL, statement by statement in the order that a test wants."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg

from coatcheck.stores.postgres.commit import commit
from coatcheck.stores.postgres.connect import driver, parameters
from coatcheck.stores.postgres.crew import Line
from coatcheck.stores.postgres.notification import Notifications
from coatcheck.stores.postgres.transaction import PostgresTransaction
from coatcheck.stores.sql.registry import SqlRegistry

Result = TypeVar("Result")


class Side:
    """A transaction in a thread and over a connection of its own, from ``begin`` to ``commit``."""

    def __init__(self, url: str) -> None:
        self._line = Line(parameters(url))
        self._connection = self._line.ready()
        self._thread = ThreadPoolExecutor(1)
        self.raw = driver(self._connection)
        self.backend = self.raw.info.backend_pid
        self.registry = SqlRegistry(self._connection)

    def begin(self) -> "Side":
        """Begin, as every unit of work does."""
        self.raw.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
        self.tx = PostgresTransaction(self._connection)
        return self

    def start(self, work: Callable[[PostgresTransaction], Result]) -> "Future[Result]":
        """Begin to do it; it may have to wait for the other side."""
        return self._thread.submit(lambda: self._done(work))

    def do(self, work: Callable[[PostgresTransaction], Result]) -> Result:
        """Do it."""
        return self.start(work).result(10)

    def _done(self, work: Callable[[PostgresTransaction], Result]) -> Result:
        result = work(self.tx)
        self.raw.flush()
        return result

    def commit(self) -> None:
        """Enter what was appended, and commit."""
        rings = Notifications(None, self.tx.log.head().epoch) if self.tx.log.is_changed else None
        self._thread.submit(commit, self.raw, self.tx.log.appended, tells=False, awaited=False, rings=rings).result(10)

    def close(self) -> None:
        """Undo what was not committed."""
        self._line.cut()  # should the thread wait for something
        self._thread.shutdown()
        self._line.drop()


@contextmanager
def two_sides(url: str) -> Iterator[tuple[Side, Side]]:
    """Both have begun."""
    first, second = Side(url), Side(url)
    try:
        yield first.begin(), second.begin()
    finally:
        first.close()
        second.close()


def wait_until_waiting(url: str, side: Side) -> None:
    """Return when ``side`` waits for a lock."""
    _until(url, "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = %s", side.backend)


def _until(url: str, statement: str, *values: Any) -> None:
    gives_up = time.monotonic() + 60
    with psycopg.connect(url, autocommit=True) as looking:
        while not looking.execute(statement, values).fetchone()[0]:  # type: ignore[index]
            assert time.monotonic() < gives_up
            time.sleep(0.005)
