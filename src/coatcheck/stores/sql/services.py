"""Services in SQL."""

from collections.abc import Sequence
from typing import Any, Final

from msgspec import structs
from sqlalchemy import Connection, Select, bindparam, delete, select, update

from coatcheck.model.service import Service
from coatcheck.stores.sql.tables import insert_unless_there, services

_THIS: Final = services.c.id == bindparam("service_id")
_ADD: Final = insert_unless_there(services)
_GET: Final = select(services).where(_THIS)
_LOCK: Final = _GET.with_for_update()
_SAVE: Final = update(services).where(_THIS, services.c.version == bindparam("expected_version"))
_REMOVE: Final = delete(services).where(_THIS)
_PAGE: Final = (
    select(services).where(services.c.id > bindparam("after")).order_by(services.c.id).limit(bindparam("most"))
)
_FEEDS: Final = select(services).where(services.c.feed).order_by(services.c.id)


class SqlServices:
    """See ``stores.port.Services``."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lock(self, service_id: str) -> Service | None:
        return self._one(_LOCK, service_id)

    def add(self, service: Service) -> bool:
        return self._connection.execute(_ADD, structs.asdict(service)).rowcount == 1

    def get(self, service_id: str) -> Service | None:
        return self._one(_GET, service_id)

    def save(self, service: Service, *, expected_version: int) -> bool:
        values = structs.asdict(service) | {"service_id": service.id, "expected_version": expected_version}
        return self._connection.execute(_SAVE, values).rowcount == 1

    def remove(self, service_id: str) -> bool:
        return self._connection.execute(_REMOVE, {"service_id": service_id}).rowcount == 1

    def page(self, *, after: str | None = None, limit: int = 50) -> Sequence[Service]:
        rows = self._connection.execute(_PAGE, {"after": after or "", "most": limit})
        return [Service(**row._asdict()) for row in rows]

    def feeds(self) -> Sequence[Service]:
        return [Service(**row._asdict()) for row in self._connection.execute(_FEEDS)]

    def _one(self, statement: Select[Any], service_id: str) -> Service | None:
        row = self._connection.execute(statement, {"service_id": service_id}).first()
        return None if row is None else Service(**row._asdict())
