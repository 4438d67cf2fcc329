"""The audit trail in SQL."""

from collections.abc import Sequence
from typing import Final

from msgspec import structs
from sqlalchemy import Connection, insert, select

from coatcheck.model.audit import AuditEntry
from coatcheck.stores.sql.tables import audit

_FIELDS: Final = [audit.c[name] for name in AuditEntry.__struct_fields__]
_ADD: Final = insert(audit).inline()


class SqlAudit:
    """See ``stores.port.Audit``."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, entry: AuditEntry) -> None:
        self._connection.execute(_ADD, structs.asdict(entry))

    def page(
        self, *, user_id: str | None = None, kind: str | None = None, before: str | None = None, limit: int = 50
    ) -> Sequence[AuditEntry]:
        statement = select(*_FIELDS).order_by(audit.c.number.desc()).limit(limit)
        if user_id is not None:
            statement = statement.where(audit.c.user_id == user_id)
        if kind is not None:
            statement = statement.where(audit.c.kind == kind)
        if before is not None:
            earlier = select(audit.c.number).where(audit.c.id == before).scalar_subquery()
            statement = statement.where(audit.c.number < earlier)
        return [AuditEntry(**row._asdict()) for row in self._connection.execute(statement)]
