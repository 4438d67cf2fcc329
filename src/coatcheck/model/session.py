"""A login, as the store remembers it."""

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct


class Carry(StrEnum):
    """What the client holds, chosen at login (the contract's ``carry``)."""

    COOKIE = "cookie"
    HEADER = "header"
    TOKENS = "tokens"
    PAGE = "page"
    JWT_COOKIE = "jwt-cookie"

    @property
    def uses_refresh(self) -> bool:
        """True when the client holds a JWT and a refresh token rather than an opaque session token."""
        return self in (Carry.TOKENS, Carry.PAGE, Carry.JWT_COOKIE)


class Ending(StrEnum):
    """Why a session is over; kept on the row and in the audit trail."""

    LOGOUT = "logout"
    ENDED_BY_USER = "ended_by_user"
    ENDED_BY_ADMIN = "ended_by_admin"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105
    SUSPENDED = "suspended"
    DELETED = "deleted"
    COMPROMISED = "compromised"
    REPLAYED = "replayed"
    LIMIT = "limit"
    EVERYTHING = "everything"


class Session(Struct, frozen=True, kw_only=True):
    """One login.

    A session has two counters. ``generation`` is raised, with an event, when all its credentials are replaced
    (re-authentication, password change): lower ones are refused everywhere. ``step`` is raised silently by refresh
    rotation and by renewal in passing: it is in no event and no claim.

    ``secret_digest`` is the digest of the secret that opens the session now; ``previous_digest`` that of the one
    before, which is accepted for a short grace after ``stepped_at``. ``stepped_with`` names the server key that derived
    the current refresh secret from its predecessor. ``expires_at`` is absolute and never moves; ``idle_for`` is how
    long the session may go unseen. ``everything_generation`` is the one in force when the credentials were issued.
    """

    id: str
    user_id: str
    carry: Carry
    generation: int = 1
    step: int = 1
    secret_digest: bytes
    previous_digest: bytes | None = None
    stepped_at: datetime
    stepped_with: str = ""
    everything_generation: int
    created_at: datetime
    authenticated_at: datetime
    seen_at: datetime
    expires_at: datetime
    idle_for: timedelta
    remember: bool = False
    amr: tuple[str, ...] = ("pwd",)
    audiences: tuple[str, ...] = ()
    device: str = ""
    address: str = ""
    organisation: str | None = None
    ended_at: datetime | None = None
    ending: Ending | None = None

    def __repr__(self) -> str:
        return f"Session(id={self.id!r}, user_id={self.user_id!r}, generation={self.generation}, step={self.step})"
