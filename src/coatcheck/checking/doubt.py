"""A check that local memory can't decide: why, and what to ask."""

from enum import Enum, auto

from coatcheck.authority import LookUp
from coatcheck.checking.cache import Remembered
from coatcheck.model.principal import CarriedBy


class Reason(Enum):
    """Why the store has to be asked."""

    UNKNOWN = auto()
    """Not remembered: first sight here, or what was remembered is too old."""
    UNSTAMPED = auto()
    """The replica has forgotten what it would need to know (below the floor, or another epoch)."""
    NO_LEASE = auto()
    """All is well as far as is known, but the lease has run out: the policy decides."""
    UNKNOWN_KEY = auto()
    """A JWT whose ``kid`` is not among the valid keys: one bounded sync, then it is refused (rule 10)."""
    DENIED = auto()
    """A local switch forces ``deny`` for it: nobody is asked (rule 19)."""


class Doubt:
    """An open question about one presented credential. Has no repr of its own: it holds the token."""

    __slots__ = ("asked", "audience", "carried_by", "digest", "reason", "remembered", "token")

    def __init__(
        self,
        reason: Reason,
        *,
        token: bytes,
        digest: bytes,
        carried_by: CarriedBy,
        audience: str | None = None,
        asked: LookUp | None = None,
        remembered: Remembered | None = None,
    ) -> None:
        self.reason = reason
        self.token = token
        self.digest = digest
        self.carried_by = carried_by
        self.audience = audience
        self.asked = asked
        self.remembered = remembered
