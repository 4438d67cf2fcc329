"""Attempt counters in SQL."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import BigInteger, Connection, bindparam, delete, select, text, update

from coatcheck.stores.sql.driver_statement import DriverStatement
from coatcheck.stores.sql.tables import attempts
from coatcheck.stores.sql.types import Instant

# A window that ends later than a new one would was begun by a clock that was ahead: it must not last.
_TAKE: Final = DriverStatement(
    text(
        f"""
        INSERT INTO {attempts.name} (key, count, ends_at) VALUES (:wanted, 1, :end)
        ON CONFLICT (key) DO UPDATE SET
            count = CASE WHEN {attempts.name}.ends_at <= :now THEN 1 ELSE {attempts.name}.count + 1 END,
            ends_at = CASE WHEN {attempts.name}.ends_at <= :now OR {attempts.name}.ends_at > :end
                      THEN :end ELSE {attempts.name}.ends_at END
        RETURNING count, ends_at
        """  # noqa: S608
    )
    .bindparams(bindparam("now", type_=Instant()), bindparam("end", type_=Instant()))
    .columns(count=BigInteger, ends_at=Instant())
)
_GIVE_BACK: Final = DriverStatement(
    update(attempts)
    .where(attempts.c.key == bindparam("wanted"), attempts.c.count > 0)
    .values(count=attempts.c.count - 1)
)
_PEEK: Final = DriverStatement(
    select(attempts.c.count, attempts.c.ends_at).where(
        attempts.c.key == bindparam("wanted"), attempts.c.ends_at > bindparam("now")
    )
)
_PURGE: Final = delete(attempts).where(
    attempts.c.key.in_(
        select(attempts.c.key)
        .where(attempts.c.ends_at <= bindparam("now"))
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)  # who counts at this moment begins a new window, and keeps the row
    )
)


class SqlAttempts:
    """See ``stores.port.Attempts``."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def take(self, key: str, now: datetime, window: timedelta) -> tuple[int, datetime]:
        ((count, ends_at),) = _TAKE.all(self._connection, {"wanted": key, "now": now, "end": now + window})
        return count, ends_at

    def give_back(self, key: str) -> None:
        _GIVE_BACK.defer(self._connection, {"wanted": key})

    def peek(self, key: str, now: datetime) -> tuple[int, datetime] | None:
        row = _PEEK.first(self._connection, {"wanted": key, "now": now})
        if row is None:
            return None
        count, ends_at = row
        return count, ends_at

    def purge(self, now: datetime, limit: int) -> int:
        return self._connection.execute(_PURGE, {"now": now, "most": limit}).rowcount
