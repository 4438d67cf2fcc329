"""A signing key's life: upcoming → current → retired → revoked."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct


class Algorithm(StrEnum):
    """The four that are offered; a key is bound to one (RFC 8725 §3.1)."""

    ES256 = "ES256"
    EDDSA = "EdDSA"
    RS256 = "RS256"
    HS256 = "HS256"

    @property
    def is_symmetric(self) -> bool:
        """True for HS256: such tokens are checked only where the store is."""
        return self is Algorithm.HS256


class KeyStatus(StrEnum):
    """Where a key is in its life. One is current, one always stands ready as upcoming."""

    UPCOMING = "upcoming"
    CURRENT = "current"
    RETIRED = "retired"
    REVOKED = "revoked"


class SigningKey(Struct, frozen=True, kw_only=True):
    """A key as the store keeps it: the private part is sealed (AEAD under a secret that the store never sees).

    ``public_key`` is PEM (SubjectPublicKeyInfo), or None for HS256. ``usable_from`` is the earliest instant it may
    sign: by then every checker has it (rule 10). ``status_since`` is when the current status began.
    """

    kid: str
    algorithm: Algorithm
    status: KeyStatus
    public_key: str | None
    sealed_private_key: bytes
    sealed_under: str
    created_at: datetime
    usable_from: datetime
    status_since: datetime

    def __repr__(self) -> str:
        return f"SigningKey(kid={self.kid!r}, algorithm={self.algorithm.value!r}, status={self.status.value!r})"
