"""A unit of work over PostgreSQL: where many write at a time, some questions are asked differently.

Everybody takes locks in one order (rule 1: user, sessions, keys, the log's head last). What is about many rows at once
and has no such order does not wait for any of them.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Text, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY

from coatcheck.model.audit import AuditEntry
from coatcheck.stores.postgres import many_rows
from coatcheck.stores.postgres.latecomers import complete_up_to
from coatcheck.stores.sql.audit import SqlAudit
from coatcheck.stores.sql.keys import SqlKeys
from coatcheck.stores.sql.sessions import SqlSessions
from coatcheck.stores.sql.tables import head, sessions
from coatcheck.stores.sql.transaction import SqlTransaction
from coatcheck.stores.sql.types import Instant
from coatcheck.stores.sql.users import SqlUsers

_HOLD_ROLES: Final = text("SELECT pg_advisory_xact_lock(7165064483205312869)")
_HOLD_KEYS: Final = text("SELECT pg_advisory_xact_lock(7165064483205312870)")
"""Numbers next to the one that ``store`` takes for the tables."""

_GIVEN: Final = "SELECT * FROM unnest(:ids, :instants) AS given (id, at)"
_IS_BEHIND: Final = f"""
    rows.ended_at IS NULL AND rows.seen_at < given.at
    AND rows.everything_generation >= (SELECT everything_generation FROM {head.name})
"""  # noqa: S608
_PARAMETERS: Final = (bindparam("ids", type_=ARRAY(Text)), bindparam("instants", type_=ARRAY(Instant)))
_TOUCH: Final = text(
    f"""
    WITH given AS ({_GIVEN}), mine AS (
        SELECT rows.id, given.at FROM {sessions.name} AS rows JOIN given ON given.id = rows.id
        WHERE {_IS_BEHIND} FOR UPDATE OF rows SKIP LOCKED
    )
    UPDATE {sessions.name} AS rows SET seen_at = mine.at FROM mine WHERE rows.id = mine.id
    """  # noqa: S608
).bindparams(*_PARAMETERS)
_BEHIND: Final = text(
    f"WITH given AS ({_GIVEN}) SELECT rows.id FROM {sessions.name} AS rows JOIN given ON given.id = rows.id"  # noqa: S608
    f" WHERE {_IS_BEHIND}"
).bindparams(*_PARAMETERS)


class PostgresUsers(SqlUsers):
    """See ``stores.port.Users``."""

    __slots__ = ()

    def count_with_role(self, role: str) -> int:
        # Of two administrators who take the role from each other, the second counts when the first is done.
        self._connection.execute(_HOLD_ROLES)
        return super().count_with_role(role)


class PostgresSessions(SqlSessions):
    """See ``stores.port.Sessions``."""

    __slots__ = ()

    def touch(self, seen: Mapping[str, datetime]) -> Collection[str]:
        # Many people's sessions: whoever waited for one of them, holding others, could be waited for in turn.
        if not seen:
            return ()
        given = {"ids": list(seen), "instants": list(seen.values())}
        if self._connection.execute(_TOUCH, given).rowcount == len(seen):
            return ()
        return self._connection.execute(_BEHIND, given).scalars().all()

    def purge(self, *, ended_before: datetime, expired_before: datetime, limit: int) -> int:
        return many_rows.purge(self._connection, ended_before=ended_before, expired_before=expired_before, limit=limit)

    def count_live(self, now: datetime) -> int:
        return many_rows.count_live(self._connection, now)


class PostgresKeys(SqlKeys):
    """See ``stores.port.Keys``."""

    __slots__ = ()

    def lock(self) -> None:
        self._connection.execute(_HOLD_KEYS)


class PostgresAudit(SqlAudit):
    """See ``stores.port.Audit``."""

    __slots__ = ()

    def follow(self, *, limit: int = 50, **narrowed: Any) -> Sequence[AuditEntry]:
        complete = complete_up_to(self._connection)
        return [] if complete is None else self._followed(limit=limit, up_to=complete, **narrowed)


class PostgresTransaction(SqlTransaction):
    """See ``stores.port.Transaction``. Whoever makes it begins and commits."""

    __slots__ = ()

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.users = PostgresUsers(connection)
        self.sessions = PostgresSessions(connection)
        self.keys = PostgresKeys(connection)
        self.audit = PostgresAudit(connection)
