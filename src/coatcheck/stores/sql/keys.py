"""Signing keys in SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import structs
from sqlalchemy import Connection, bindparam, func, select, update
from sqlalchemy.exc import IntegrityError

from coatcheck.model.key import KeyStatus, SigningKey
from coatcheck.stores.sql.driver_statement import DriverStatement
from coatcheck.stores.sql.tables import insert_unless_there, keys

_ALL: Final = DriverStatement(
    select(keys).where(keys.c.status != KeyStatus.REVOKED).order_by(keys.c.created_at, keys.c.kid)
)
_GET: Final = select(keys).where(keys.c.kid == bindparam("wanted"))
_ADD: Final = insert_unless_there(keys)
_MOVE: Final = (
    update(keys)
    .where(keys.c.kid == bindparam("wanted"), keys.c.status == bindparam("expected"))
    .values(status=bindparam("to"), status_since=bindparam("at"))
)
_COUNT: Final = select(func.count()).select_from(keys)


class SqlKeys:
    """See ``stores.port.Keys``."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lock(self) -> None:
        """SQLite has one writer at a time."""

    def all(self) -> Sequence[SigningKey]:
        return [SigningKey(**row._asdict()) for row in _ALL.all(self._connection, {})]

    def get(self, kid: str) -> SigningKey | None:
        row = self._connection.execute(_GET, {"wanted": kid}).first()
        return None if row is None else SigningKey(**row._asdict())

    def add(self, key: SigningKey) -> bool:
        return self._connection.execute(_ADD, structs.asdict(key)).rowcount == 1

    def move(self, kid: str, *, expected: KeyStatus, to: KeyStatus, at: datetime) -> bool:
        if expected is KeyStatus.REVOKED:
            return False
        try:
            with self._connection.begin_nested():
                moved = self._connection.execute(_MOVE, {"wanted": kid, "expected": expected, "to": to, "at": at})
        except IntegrityError:
            return False
        return moved.rowcount == 1

    def count_sealed(self) -> int:
        return self._connection.execute(_COUNT).scalar_one()
