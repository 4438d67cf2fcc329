"""Users in memory."""

from collections.abc import Sequence

import msgspec

from coatcheck.model.user import User, UserStatus
from coatcheck.stores.memory.rows import Rows


def _apart(user: User) -> User:
    """The same user with application data of its own, as JSON would give it back."""
    if not user.data:
        return user
    return msgspec.structs.replace(user, data=msgspec.json.decode(msgspec.json.encode(user.data)))


class MemoryUsers:
    """See ``stores.port.Users``."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def lock(self, user_id: str) -> User | None:
        return self.get(user_id)  # one unit of work runs at a time: everything is held already

    def add(self, user: User) -> bool:
        rows = self._rows
        if user.id in rows.users or user.email_key in rows.email_keys:
            return False
        rows.put(rows.users, user.id, _apart(user))
        rows.put(rows.email_keys, user.email_key, user.id)
        return True

    def get(self, user_id: str) -> User | None:
        user = self._rows.users.get(user_id)
        return None if user is None else _apart(user)

    def by_email_key(self, email_key: str) -> User | None:
        user_id = self._rows.email_keys.get(email_key)
        return None if user_id is None else self.get(user_id)

    def save(self, user: User, *, expected_version: int) -> bool:
        rows = self._rows
        before = rows.users.get(user.id)
        if before is None or before.version != expected_version:
            return False
        if rows.email_keys.get(user.email_key, user.id) != user.id:
            return False
        if before.email_key != user.email_key:
            rows.drop(rows.email_keys, before.email_key)
            rows.put(rows.email_keys, user.email_key, user.id)
        rows.put(rows.users, user.id, _apart(user))
        return True

    def remove(self, user_id: str) -> bool:
        rows = self._rows
        user = rows.users.get(user_id)
        if user is None:
            return False
        rows.drop(rows.email_keys, user.email_key)
        rows.drop(rows.users, user_id)
        return True

    def page(
        self, *, status: UserStatus | None = None, query: str = "", after: str | None = None, limit: int = 50
    ) -> Sequence[User]:
        wanted = query.casefold()
        found: list[User] = []
        for user_id in sorted(self._rows.users):
            user = self._rows.users[user_id]
            if after is not None and user_id <= after:
                continue
            if status is not None and user.status is not status:
                continue
            if wanted not in user.email.casefold() and wanted not in user.name.casefold():
                continue
            if len(found) >= limit:
                break
            found.append(_apart(user))
        return found

    def count_with_role(self, role: str) -> int:
        return sum(role in user.roles and user.status is UserStatus.ACTIVE for user in self._rows.users.values())
