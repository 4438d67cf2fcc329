"""Poolers between us and PostgreSQL: in session mode as good as none.

In transaction mode nothing holds that we ask of a session: timeouts, notifications, prepared statements.
"""

from typing import Final

from coatcheck.errors import Misconfigured
from coatcheck.stores.postgres.connect import raw_connection
from coatcheck.stores.postgres.pipelining import PipelinedConnection

_LOOKS: Final = 5
"""A pooler that is busy may happen to lend two sessions to two connections."""


def require_sessions(parameters: str) -> None:
    """Raise Misconfigured when two connections are lent one session, as by PgBouncer with ``pool_mode = transaction``.

    Raises psycopg.Error when PostgreSQL can't be reached.
    """
    with raw_connection(parameters) as one, raw_connection(parameters) as other:
        for _ in range(_LOOKS):
            if _session(one) == _session(other):
                raise Misconfigured(
                    "between here and PostgreSQL a pooler lends one session to several connections (pool_mode = "
                    "transaction). Connect directly, or let it pool sessions (pool_mode = session)"
                )


def _session(connection: PipelinedConnection) -> int:
    """Which of PostgreSQL's processes answers."""
    answer = connection.execute("SELECT pg_backend_pid()").fetchone()
    assert answer is not None  # noqa: S101 - for the type checker
    found: int = answer[0]
    return found
