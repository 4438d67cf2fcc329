"""Who is asking: the one record that an application sees, for people, services and API keys alike."""

from datetime import datetime
from enum import StrEnum
from typing import Final

from msgspec import Struct

from coatcheck.errors import AccessDenied

API_KEY_CLIENT: Final = "coatcheck:api-key"
"""The ``client_id`` of access tokens that stand for an API key, where one is passed on to an upstream."""


class Kind(StrEnum):
    """What stands behind a credential."""

    USER = "user"
    SERVICE = "service"
    API_KEY = "api_key"


class CarriedBy(StrEnum):
    """How the credential travelled."""

    COOKIE = "cookie"
    HEADER = "header"


class Principal(Struct, frozen=True, kw_only=True):
    """A caller whose credential was accepted.

    ``user_id`` is the person, of an API key its owner, and None for a service, whose id is ``client_id``. Machines have
    ``scopes`` and no roles.

    ``roles`` are the application's, as they were when the credential was issued or, for a session token, as they are
    now; a change of roles refuses older credentials, so both are current. ``authenticated_at`` is when the person last
    proved the password; ``factors`` are RFC 8176 method names such as ``pwd``.
    """

    kind: Kind = Kind.USER
    user_id: str | None = None
    client_id: str | None = None
    session_id: str
    roles: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    organisation: str | None = None
    factors: tuple[str, ...] = ()
    authenticated_at: datetime
    expires_at: datetime
    carried_by: CarriedBy = CarriedBy.HEADER

    def has_role(self, role: str) -> bool:
        """True when the caller has ``role``."""
        return role in self.roles

    def require_person(self) -> str:
        """The person's id. Raises AccessDenied for a machine, an API key too: it acts for a person, but is none."""
        if self.kind is not Kind.USER or self.user_id is None:
            raise AccessDenied("This is for people, not for machines.")
        return self.user_id
