"""Users in SQL."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import structs
from sqlalchemy import Connection, Text, bindparam, delete, select, type_coerce, update
from sqlalchemy.exc import IntegrityError

from coatcheck.model.user import User, UserStatus
from coatcheck.stores.sql.driver_statement import DriverStatement
from coatcheck.stores.sql.tables import HAS_ROLES, insert_unless_there, users

_FIELDS: Final = [users.c[name] for name in User.__struct_fields__]
_ADD: Final = insert_unless_there(users)
_THIS: Final = users.c.id == bindparam("user_id")
_GET: Final = DriverStatement(select(*_FIELDS).where(_THIS))
_LOCK: Final = DriverStatement(select(*_FIELDS).where(_THIS).with_for_update())
_BY_EMAIL_KEY: Final = DriverStatement(select(*_FIELDS).where(users.c.email_key == bindparam("wanted")))
_SAVE: Final = update(users).where(users.c.id == bindparam("user_id"), users.c.version == bindparam("expected_version"))
_REMOVE: Final = delete(users).where(users.c.id == bindparam("user_id"))
_ROLES: Final = select(users.c.roles).where(users.c.status == UserStatus.ACTIVE, HAS_ROLES)

_LONGEST_SEARCHED: Final = 4_000
"""Characters: more than any name and address have together, and less than SQLite's LIKE takes. It ends at a NUL, which
no name has."""


def _row(user: User) -> dict[str, Any]:
    return structs.asdict(user) | {"found_by": f"{user.email}\n{user.name}".casefold()}


class SqlUsers:
    """See ``stores.port.Users``."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lock(self, user_id: str) -> User | None:
        return self._one(_LOCK, {"user_id": user_id})

    def add(self, user: User) -> bool:
        return self._connection.execute(_ADD, _row(user)).rowcount == 1

    def get(self, user_id: str) -> User | None:
        return self._one(_GET, {"user_id": user_id})

    def by_email_key(self, email_key: str) -> User | None:
        return self._one(_BY_EMAIL_KEY, {"wanted": email_key})

    def save(self, user: User, *, expected_version: int) -> bool:
        try:
            with self._connection.begin_nested():
                saved = self._connection.execute(
                    _SAVE, _row(user) | {"user_id": user.id, "expected_version": expected_version}
                )
        except IntegrityError:
            return False
        return saved.rowcount == 1

    def remove(self, user_id: str) -> bool:
        return self._connection.execute(_REMOVE, {"user_id": user_id}).rowcount == 1

    def page(
        self, *, status: UserStatus | None = None, query: str = "", after: str | None = None, limit: int = 50
    ) -> Sequence[User]:
        if "\0" in query or len(query) > _LONGEST_SEARCHED:
            return []
        statement = select(*_FIELDS).order_by(users.c.id).limit(limit)
        if status is not None:
            statement = statement.where(users.c.status == status)
        if after is not None:
            statement = statement.where(users.c.id > after)
        if query:
            statement = statement.where(users.c.found_by.contains(query.casefold(), autoescape=True))
        return [User(**row._asdict()) for row in self._connection.execute(statement)]

    def count_with_role(self, role: str) -> int:
        # The database narrows it down by the text of the list, which a role with quotes in it could mislead.
        written = type_coerce(users.c.roles, Text).contains(msgspec.json.encode(role).decode(), autoescape=True)
        return sum(role in row.roles for row in self._connection.execute(_ROLES.where(written)))

    def _one(self, statement: DriverStatement, parameters: dict[str, str]) -> User | None:
        row = statement.first(self._connection, parameters)
        return None if row is None else User(**row._asdict())
