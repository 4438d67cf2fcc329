"""The audit trail in memory."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice

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

    def get(self, entry_id: str) -> AuditEntry | None:
        entry = self._rows.audit.get(entry_id)
        return None if entry is None else _apart(entry)

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
        entries = reversed(self._rows.audit.values())
        return _taken(entries, before, limit, user_id, kind, since, until)

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
        entries = self._rows.audit.values()
        return _taken(entries, after, limit, user_id, kind, since, until)

    def purge(self, before: datetime, limit: int) -> int:
        oldest = islice(self._rows.audit.values(), limit)
        spent = [entry.id for entry in oldest if entry.at < before]
        for entry_id in spent:
            self._rows.drop(self._rows.audit, entry_id)
        return len(spent)


def _taken(
    entries: Iterable[AuditEntry],
    beyond: str | None,
    limit: int,
    user_id: str | None,
    kind: str | None,
    since: datetime | None,
    until: datetime | None,
) -> list[AuditEntry]:
    found: list[AuditEntry] = []
    has_passed = beyond is None
    for entry in entries:
        if len(found) >= limit:
            break
        if not has_passed:
            has_passed = entry.id == beyond
        elif (
            (user_id is None or entry.user_id == user_id)
            and (kind is None or entry.kind == kind)
            and (since is None or entry.at >= since)
            and (until is None or entry.at < until)
        ):
            found.append(_apart(entry))
    return found
