"""The registry of subscribers in SQL."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, case, delete, func, insert, select, update

from coatcheck.model.position import Position
from coatcheck.model.subscriber import Registration
from coatcheck.stores.sql.driver_statement import DriverStatement
from coatcheck.stores.sql.tables import registrations as rows

_THIS: Final = rows.c.number == bindparam("wanted")
_ADD: Final = insert(rows)
_GET: Final = DriverStatement(select(rows).where(_THIS))
_AMONG: Final = select(rows).where(rows.c.number.in_(bindparam("numbers", expanding=True)))
_COUNT_OF: Final = select(func.count()).select_from(rows).where(rows.c.credential == bindparam("credential"))
_ALL: Final = select(rows).order_by(rows.c.number)
_ACKNOWLEDGE: Final = (
    update(rows)
    .where(_THIS, rows.c.lapsed_at.is_(None))
    .values(
        acknowledged_epoch=bindparam("epoch"),
        acknowledged_seq=case(
            (
                and_(
                    rows.c.acknowledged_epoch == bindparam("epoch"),
                    rows.c.acknowledged_seq > bindparam("seq"),
                ),
                rows.c.acknowledged_seq,
            ),
            else_=bindparam("seq"),
        ),
        heard_at=bindparam("at"),
        lease_ms=case((rows.c.lease_ms < bindparam("lease"), bindparam("lease")), else_=rows.c.lease_ms),
    )
)
_MARK_LAPSED: Final = update(rows).where(_THIS, rows.c.lapsed_at.is_(None)).values(lapsed_at=bindparam("at"))
# In one order, as all who change several: by number.
_REMOVE: Final = delete(rows).where(
    rows.c.number.in_(
        select(rows.c.number)
        .where(rows.c.number.in_(bindparam("numbers", expanding=True)))
        .order_by(rows.c.number)
        .with_for_update()
    )
)


def _registration(row: Any) -> Registration:
    acknowledged = None if row.acknowledged_epoch is None else Position(row.acknowledged_epoch, row.acknowledged_seq)
    return Registration(
        number=row.number,
        name=row.name,
        since=Position(row.since_epoch, row.since_seq),
        acknowledged=acknowledged,
        lease_ms=row.lease_ms,
        accept_ms=row.accept_ms,
        registered_at=row.registered_at,
        heard_at=row.heard_at,
        lapsed_at=row.lapsed_at,
        credential=row.credential,
    )


class SqlRegistry:
    """See ``stores.port.Registry``."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, registration: Registration) -> None:
        acknowledged = registration.acknowledged
        self._connection.execute(
            _ADD,
            {
                "number": registration.number,
                "name": registration.name,
                "since_epoch": registration.since.epoch,
                "since_seq": registration.since.seq,
                "acknowledged_epoch": None if acknowledged is None else acknowledged.epoch,
                "acknowledged_seq": None if acknowledged is None else acknowledged.seq,
                "lease_ms": registration.lease_ms,
                "accept_ms": registration.accept_ms,
                "registered_at": registration.registered_at,
                "heard_at": registration.heard_at,
                "lapsed_at": registration.lapsed_at,
                "credential": registration.credential,
            },
        )

    def get(self, number: str) -> Registration | None:
        found = _GET.all(self._connection, {"wanted": number})
        return _registration(found[0]) if found else None

    def among(self, numbers: Collection[str]) -> Sequence[Registration]:
        if len(numbers) == 1:
            row = self.get(*numbers)
            return [] if row is None else [row]
        return [_registration(row) for row in self._connection.execute(_AMONG, {"numbers": list(numbers)})]

    def acknowledge(self, number: str, applied: Position | None, at: datetime, lease_ms: int) -> bool:
        epoch, seq = (None, None) if applied is None else applied
        parameters = {"wanted": number, "epoch": epoch, "seq": seq, "at": at, "lease": lease_ms}
        return self._connection.execute(_ACKNOWLEDGE, parameters).rowcount == 1

    def all(self) -> Sequence[Registration]:
        return [_registration(row) for row in self._connection.execute(_ALL)]

    def count_of(self, credential: str) -> int:
        return self._connection.execute(_COUNT_OF, {"credential": credential}).scalar_one()

    def mark_lapsed(self, number: str, at: datetime) -> bool:
        return self._connection.execute(_MARK_LAPSED, {"wanted": number, "at": at}).rowcount == 1

    def remove(self, numbers: Iterable[str]) -> int:
        doomed = list(numbers)
        return self._connection.execute(_REMOVE, {"numbers": doomed}).rowcount if doomed else 0
