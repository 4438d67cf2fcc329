"""The registry of subscribers in memory."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from msgspec import structs

from coatcheck.errors import DataConflict
from coatcheck.model.position import Position
from coatcheck.model.subscriber import Registration
from coatcheck.stores.memory.rows import Rows


class MemoryRegistry:
    """See ``stores.port.Registry``."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def add(self, registration: Registration) -> None:
        if registration.number in self._rows.registrations:
            raise DataConflict
        self._rows.put(self._rows.registrations, registration.number, registration)

    def get(self, number: str) -> Registration | None:
        return self._rows.registrations.get(number)

    def among(self, numbers: Collection[str]) -> Sequence[Registration]:
        found = map(self._rows.registrations.get, set(numbers))
        return [row for row in found if row is not None]

    def acknowledge(self, number: str, applied: Position | None, at: datetime, lease_ms: int) -> bool:
        row = self._rows.registrations.get(number)
        if row is None or row.lapsed_at is not None:
            return False
        known = row.acknowledged
        if applied is not None and known is not None and applied.epoch == known.epoch:
            applied = max(applied, known)
        row = structs.replace(row, acknowledged=applied, heard_at=at, lease_ms=max(lease_ms, row.lease_ms))
        self._rows.put(self._rows.registrations, number, row)
        return True

    def all(self) -> Sequence[Registration]:
        return sorted(self._rows.registrations.values(), key=lambda row: row.number)

    def count_of(self, credential: str) -> int:
        return sum(row.credential == credential for row in self._rows.registrations.values())

    def mark_lapsed(self, number: str, at: datetime) -> bool:
        row = self._rows.registrations.get(number)
        if row is None or row.lapsed_at is not None:
            return False
        self._rows.put(self._rows.registrations, number, structs.replace(row, lapsed_at=at))
        return True

    def remove(self, numbers: Iterable[str]) -> int:
        there = [number for number in set(numbers) if number in self._rows.registrations]
        for number in there:
            self._rows.drop(self._rows.registrations, number)
        return len(there)
