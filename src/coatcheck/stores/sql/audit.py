"""The audit trail in SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import structs
from sqlalchemy import Connection, Select, delete, insert, select

from coatcheck.model.audit import AuditEntry
from coatcheck.stores.sql.driver_statement import DriverStatement
from coatcheck.stores.sql.tables import audit

_FIELDS: Final = [audit.c[name] for name in AuditEntry.__struct_fields__]
_ADD: Final = DriverStatement(insert(audit).inline(), AuditEntry.__struct_fields__)


class SqlAudit:
    """See ``stores.port.Audit``."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, entry: AuditEntry) -> None:
        _ADD.defer(self._connection, structs.asdict(entry))

    def get(self, entry_id: str) -> AuditEntry | None:
        found = self._entries(select(*_FIELDS).where(audit.c.id == entry_id))
        return found[0] if found else None

    def page(
        self,
        *,
        user_id: str | None = None,
        kind: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> Sequence[AuditEntry]:
        statement = _narrowed(user_id, kind, since, until).order_by(audit.c.number.desc()).limit(limit)
        if before is not None:
            statement = statement.where(audit.c.number < _number_of(before))
        return self._entries(statement)

    def follow(
        self,
        *,
        user_id: str | None = None,
        kind: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Sequence[AuditEntry]:
        return self._followed(user_id=user_id, kind=kind, since=since, until=until, after=after, limit=limit)

    def _followed(
        self,
        *,
        user_id: str | None = None,
        kind: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int,
        up_to: int | None = None,
    ) -> list[AuditEntry]:
        statement = _narrowed(user_id, kind, since, until).order_by(audit.c.number).limit(limit)
        if after is not None:
            statement = statement.where(audit.c.number > _number_of(after))
        if up_to is not None:
            statement = statement.where(audit.c.number <= up_to)
        return self._entries(statement)

    def purge(self, before: datetime, limit: int) -> int:
        oldest = (
            select(audit.c.number, audit.c.at)
            .order_by(audit.c.number)
            .limit(limit)
            .with_for_update(skip_locked=True)  # another one may be purging
            .subquery()
        )
        spent = select(oldest.c.number).where(oldest.c.at < before)
        return self._connection.execute(delete(audit).where(audit.c.number.in_(spent))).rowcount

    def _entries(self, statement: Select[Any]) -> list[AuditEntry]:
        return [AuditEntry(**row._asdict()) for row in self._connection.execute(statement)]


def _narrowed(user_id: str | None, kind: str | None, since: datetime | None, until: datetime | None) -> Select[Any]:
    statement = select(*_FIELDS)
    if user_id is not None:
        statement = statement.where(audit.c.user_id == user_id)
    if kind is not None:
        statement = statement.where(audit.c.kind == kind)
    if since is not None:
        statement = statement.where(audit.c.at >= since)
    if until is not None:
        statement = statement.where(audit.c.at < until)
    return statement


def _number_of(entry_id: str) -> Any:
    return select(audit.c.number).where(audit.c.id == entry_id).scalar_subquery()
