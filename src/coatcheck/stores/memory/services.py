"""Services in memory."""

from collections.abc import Sequence

from coatcheck.model.service import Service
from coatcheck.stores.memory.rows import Rows


class MemoryServices:
    """See ``stores.port.Services``."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def lock(self, service_id: str) -> Service | None:
        return self.get(service_id)  # one unit of work runs at a time: everything is held already

    def add(self, service: Service) -> bool:
        if service.id in self._rows.services:
            return False
        self._rows.put(self._rows.services, service.id, service)
        return True

    def get(self, service_id: str) -> Service | None:
        return self._rows.services.get(service_id)

    def save(self, service: Service, *, expected_version: int) -> bool:
        before = self._rows.services.get(service.id)
        if before is None or before.version != expected_version:
            return False
        self._rows.put(self._rows.services, service.id, service)
        return True

    def remove(self, service_id: str) -> bool:
        if service_id not in self._rows.services:
            return False
        self._rows.drop(self._rows.services, service_id)
        return True

    def page(self, *, after: str | None = None, limit: int = 50) -> Sequence[Service]:
        return [each for each in self._in_order() if after is None or each.id > after][:limit]

    def feeds(self) -> Sequence[Service]:
        return [each for each in self._in_order() if each.feed]

    def _in_order(self) -> list[Service]:
        return sorted(self._rows.services.values(), key=lambda service: service.id)
