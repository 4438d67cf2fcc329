"""Poolers between us and PostgreSQL: in session mode as good as none.

In transaction mode nothing holds that we ask of a session: its timeouts, and to be notified.
"""

from contextlib import ExitStack
from typing import Final

from coatcheck.errors import Misconfigured
from coatcheck.stores.postgres.connect import raw_connection
from coatcheck.stores.postgres.pipelining import PipelinedConnection

_OTHERS: Final = 3
_LOOKS: Final = 5
"""A pooler that is busy, or takes its sessions in turns, may happen to lend two to two connections."""


def require_sessions(connection: PipelinedConnection, parameters: str) -> None:
    """Raise Misconfigured when ``connection``, made with these ``parameters`` and in no transaction, shares its session
    with others or has several, as over PgBouncer with ``pool_mode = transaction``.

    A pooler shows by naming another process than the one that answers; without any nothing more is asked. Raises
    psycopg.Error when PostgreSQL can't be reached.
    """
    if _session(connection) == connection.info.backend_pid:
        return
    with ExitStack() as opened:
        all_of_them = [connection, *(opened.enter_context(raw_connection(parameters)) for _ in range(_OTHERS))]
        seen = [{_session(each) for _ in range(_LOOKS)} for each in all_of_them]
    if len(set().union(*seen)) < len(seen) or any(len(each) > 1 for each in seen):
        raise Misconfigured(
            "between here and PostgreSQL a pooler lends one session to several connections (pool_mode = transaction). "
            "Connect directly, or let it pool sessions (pool_mode = session)"
        )


def _session(connection: PipelinedConnection) -> int:
    """Which of PostgreSQL's processes answers."""
    answer = connection.execute("SELECT pg_backend_pid()", prepare=False).fetchone()
    assert answer is not None  # noqa: S101 - for the type checker
    found: int = answer[0]
    return found
