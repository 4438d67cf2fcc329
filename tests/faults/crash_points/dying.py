"""Dying between any two statements, at the drivers' level: before each one leaves, and after each one was answered.

To PostgreSQL several may travel at a time. Each is sent by itself there, so there is a point before each, one where all
of them are on their way and nothing was read yet, and one after their answers.
"""

import os
import signal
import sqlite3
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Self
from unittest.mock import patch

import psycopg
from psycopg.waiting import Wait

_SAY_NOTHING = ("_enter_gen", "_set_autocommit_gen", "_set_isolation_level_gen")
"""What psycopg does without a word to the server."""


class Points:
    """The points that were reached since ``begin``, by what was about to be or had been said. At the one with the
    number ``fatal``, counted from one, this process dies."""

    def __init__(self, fatal: int | None = None) -> None:
        self.reached: list[str] = []
        self._fatal = fatal
        self._has_begun = False

    def begin(self) -> None:
        """Count from here on."""
        self._has_begun = True

    def reach(self, moment: str, statement: str = "") -> None:
        """Be at a point, and perhaps no further."""
        if self._has_begun:
            self.reached.append(f"{moment} {' '.join(statement.split())[:60]}".strip())
            if len(self.reached) == self._fatal:
                os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def between_statements(points: Points) -> Iterator[None]:
    """Reach a point before and after whatever this process says to SQLite or PostgreSQL."""
    with ExitStack() as watched:
        connect = partial(sqlite3.connect, factory=_sqlite_connection(points))
        watched.enter_context(patch.object(sqlite3, "connect", connect))
        for connection in (psycopg.Connection, psycopg.AsyncConnection):
            watched.enter_context(patch.object(connection, "wait", _postgres_wait(connection.wait, points)))
        yield


def _sqlite_connection(points: Points) -> type[sqlite3.Connection]:
    class Cursor(sqlite3.Cursor):
        def execute(self, statement: str, *given: Any) -> Self:
            points.reach("before", statement)
            super().execute(statement, *given)
            points.reach("after", statement)
            return self

        def executemany(self, statement: str, *given: Any) -> Self:
            points.reach("before", statement)
            super().executemany(statement, *given)
            points.reach("after", statement)
            return self

    class Connection(sqlite3.Connection):
        def cursor(self, factory: Any = Cursor) -> Any:
            return super().cursor(factory)

        def execute(self, statement: str, *given: Any) -> Any:
            return self.cursor().execute(statement, *given)

    return Connection


def _postgres_wait(wait: Any, points: Points) -> Any:
    def wait_or_die(connection: Any, talk: Any, *given: Any, **named: Any) -> Any:
        if talk.__name__ in _SAY_NOTHING:
            return wait(connection, talk, *given, **named)
        statement = str(talk.gi_frame.f_locals.get("query", talk.__name__))
        points.reach("before", statement)
        return wait(connection, _told(talk, points, statement), *given, **named)

    return wait_or_die


def _told(talk: Any, points: Points, statement: str) -> Generator[Any, Any, Any]:
    """The same talk to the server. It listens when everything was said, so that nothing has been read before."""
    was_sent = False
    try:
        wanted = next(talk)
        while True:
            if wanted == Wait.R and not was_sent:
                was_sent = True
                points.reach("sent", statement)
            ready = yield Wait.W if wanted == Wait.RW else wanted
            wanted = talk.send(ready)
    except StopIteration as over:
        if was_sent:
            points.reach("answered", statement)
        return over.value
