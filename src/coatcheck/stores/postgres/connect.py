"""A connection to PostgreSQL, set up as every one of ours is."""

import select
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from psycopg import AsyncConnection, conninfo
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from coatcheck.errors import Misconfigured
from coatcheck.stores.place import parameters_of
from coatcheck.stores.postgres.pipelining import PipelinedConnection
from coatcheck.stores.postgres.search_path import FIX_PATH
from coatcheck.stores.sql.driver_statement import CompiledStatement, DriverStatement

BUSY: Final = "The store has more to do than it can at the moment. Please try again."

TIMEOUTS_MS: Final = {
    "statement_timeout": 2_500,
    "lock_timeout": 2_000,
    "idle_in_transaction_session_timeout": 5_000,
    "transaction_timeout": 5_000,
}
"""Milliseconds; a process that was paused in the middle of a transaction lets go of its locks. The last, which
PostgreSQL has from 17 on, counts between two statements of one flight too."""

LONG_TIMEOUTS_MS: Final = dict.fromkeys(TIMEOUTS_MS, 60_000)
"""For what takes long, and locks nothing."""

_KEEPALIVES: Final = {
    "tcp_keepalives_idle": 5,
    "tcp_keepalives_interval": 2,
    "tcp_keepalives_count": 2,
    "tcp_user_timeout": 5_000,
}
"""Seconds, and milliseconds for the last: so does a machine that is gone without a word, in ten seconds instead of two
hours. The server's side of what ``_PARAMETERS`` says for ours."""

_PARAMETERS: Final = {
    "application_name": "coatcheck",
    "client_encoding": "UTF8",
    "connect_timeout": "2",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "2",
    "tcp_user_timeout": "5000",
    # Of several hosts, the primary: a standby's answers would be late (rule 18 of docs/revocation.md). A server that
    # becomes a standby ends its connections, so looking once is enough.
    "target_session_attrs": "read-write",
}


class _Handed(threading.local):
    """What the engine is to open next, in this thread."""

    make: Callable[[], PipelinedConnection]


_handed = _Handed()
_engine = create_engine(
    "postgresql+psycopg://",
    creator=lambda: _handed.make(),
    poolclass=NullPool,
    hide_parameters=True,
    isolation_level="AUTOCOMMIT",
    use_native_hstore=False,
)
"""One engine for all databases: a statement is compiled once for the whole process. It keeps no connection, and its
errors don't repeat what was to be stored."""


def parameters(url: str) -> str:
    """``url`` with what we want of a connection where it does not say otherwise. Raises Misconfigured, which repeats
    nothing of it, for what is no address of a PostgreSQL, or lets a standby answer."""
    given = {name: str(value) for name, value in parameters_of(url).items() if value is not None}
    if given.get("target_session_attrs", "primary") not in ("primary", "read-write"):
        raise Misconfigured(
            "the database's address has a target_session_attrs that lets a standby answer, which may not have heard "
            "of an ending yet: leave it out"
        )
    return conninfo.make_conninfo("", **(_PARAMETERS | given))


def setup_statements(settings: Mapping[str, int]) -> str:
    """The statements that put ``settings`` in force for a session, as far as the server has them, and fix its search
    path, all in one question.

    A commit that was answered must outlive a crash: where the server's default is cheaper, it is raised. Any other is
    kept for the session, which would else follow the server's when that is made cheaper and read again.
    """
    # As statements, not at the start of the connection: poolers in between refuse that.
    wanted = ", ".join(f"('{name}', '{value}')" for name, value in {**_KEEPALIVES, **settings}.items())
    return (  # the path first: no name below is to be looked up before
        f"{FIX_PATH};SELECT set_config(name, value, false) FROM (VALUES {wanted}) AS wanted (name, value) "  # noqa: S608 - our own
        "WHERE current_setting(name, true) IS NOT NULL;"
        "SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN "
        "'on' ELSE current_setting('synchronous_commit') END, false)"
    )


def raw_connection(parameters: str, **settings: int) -> PipelinedConnection:
    """Connect, with ``settings`` in force for the session, to a primary."""
    raw = PipelinedConnection.connect(parameters, autocommit=True)
    try:
        raw.execute(setup_statements(settings))
    except BaseException:
        raw.close()
        raise
    return raw


def connect(parameters: str, timeouts: Mapping[str, int] = TIMEOUTS_MS) -> Connection:
    """Connect for units of work. Transactions are begun and ended by the caller, on the driver's connection."""
    _handed.make = lambda: raw_connection(parameters, **timeouts)
    try:
        return _engine.connect()
    finally:
        del _handed.make


def over(raw: PipelinedConnection) -> Connection:
    """SQLAlchemy's connection over the driver's, which stays the caller's to close."""
    _handed.make = lambda: raw
    try:
        return _engine.connect()
    finally:
        del _handed.make


def compiled(statement: DriverStatement) -> CompiledStatement:
    """``statement`` as PostgreSQL reads it."""
    return statement.compiled(_engine.dialect)


def driver(connection: Connection) -> PipelinedConnection:
    """The driver's connection underneath."""
    raw = connection.connection.driver_connection
    assert isinstance(raw, PipelinedConnection)  # noqa: S101 - for the type checker
    return raw


def has_been_spoken_to(raw: PipelinedConnection | AsyncConnection[Any]) -> bool:
    """Whether something has arrived over an idle connection, which asked nothing: nearly always that it was closed."""
    waiting = select.poll()
    waiting.register(raw.fileno(), select.POLLIN)
    return bool(waiting.poll(0))
