"""A person with an account."""

from datetime import datetime
from enum import StrEnum
from typing import Final

from msgspec import Struct, field

ADMINISTRATOR: Final = "coatcheck:admin"
"""The reserved role that opens the admin API. An application's own ``admin`` is something else."""


class UserStatus(StrEnum):
    """May this person log in?"""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class User(Struct, frozen=True, kw_only=True):
    """A user as the store keeps it.

    ``version`` is raised, with an event, by every change of roles, status or password: credentials that carry a lower
    one are refused. ``email`` is what the person typed, ``email_key`` its canonical form, unique. ``password_hash`` is
    a PHC string or None when no password opens this account. ``data`` holds the application's own fields.
    """

    id: str
    email: str
    email_key: str
    name: str = ""
    password_hash: str | None = None
    roles: tuple[str, ...] = ()
    status: UserStatus = UserStatus.ACTIVE
    version: int = 1
    created_at: datetime
    password_changed_at: datetime
    data: dict[str, object] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"User(id={self.id!r}, status={self.status.value!r}, version={self.version})"
