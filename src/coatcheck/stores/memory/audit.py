"""The audit trail in memory."""

from collections.abc import Sequence

from msgspec import structs

from coatcheck.errors import DataConflict
from coatcheck.model.audit import AuditEntry
from coatcheck.stores.memory.rows import Rows


def _apart(entry: AuditEntry) -> AuditEntry:
    return structs.replace(entry, detail=dict(entry.detail)) if entry.detail else entry


class MemoryAudit:
    """See ``stores.port.Audit``."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def add(self, entry: AuditEntry) -> None:
        if entry.id in self._rows.audit:
            raise DataConflict
        self._rows.put(self._rows.audit, entry.id, _apart(entry))

    def page(
        self, *, user_id: str | None = None, kind: str | None = None, before: str | None = None, limit: int = 50
    ) -> Sequence[AuditEntry]:
        found: list[AuditEntry] = []
        has_passed = before is None
        for entry in reversed(self._rows.audit.values()):
            if len(found) >= limit:
                break
            if not has_passed:
                has_passed = entry.id == before
                continue
            if (user_id is None or entry.user_id == user_id) and (kind is None or entry.kind == kind):
                found.append(_apart(entry))
        return found
