"""A login, as the store remembers it."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from msgspec import Struct

from coatcheck.model.principal import Kind

NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""The ``expires_at`` of a key or a secret that does not expire."""

NEVER_IDLE: Final = timedelta(days=36_525)
"""The ``idle_for`` of keys and secrets: a century."""


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
    REVOKED = "revoked"

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What ends of an owner to whom this happens: keys stay where only logins are meant."""
        if self in (Ending.SUSPENDED, Ending.COMPROMISED):
            return (Kind.USER, Kind.API_KEY)
        return tuple(Kind) if self is Ending.DELETED else (Kind.USER,)


class Session(Struct, frozen=True, kw_only=True):
    """One login; or an API key, or a secret or public key of a service, which begin and end alike.

    A session has two counters. ``generation`` is raised, with an event, when all its credentials are replaced
    (re-authentication, password change): lower ones are refused everywhere. ``step`` is raised silently by refresh
    rotation and by renewal in passing: it is in no event and no claim.

    ``secret_digest`` is the digest of the secret that opens the session now; ``previous_digest`` that of the one
    before, which is accepted for a short grace after ``stepped_at``. ``stepped_with`` names the server key that derived
    the current refresh secret from its predecessor. ``expires_at`` is absolute and never moves; ``idle_for`` is how
    long the session may go unseen. ``everything_generation`` is the one in force when the credentials were issued.

    ``user_id`` is whose it is: a person, or a service for a credential of the kind ``service``. ``name`` is what its
    owner calls a key or secret, ``scopes`` what an API key allows. ``public_key`` (PEM) is set where the owner signs
    instead of showing a secret (RFC 7523); the digest is then that of the key.
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
    kind: Kind = Kind.USER
    name: str = ""
    scopes: tuple[str, ...] = ()
    public_key: str | None = None

    def __repr__(self) -> str:
        return f"Session(id={self.id!r}, user_id={self.user_id!r}, generation={self.generation}, step={self.step})"
