"""One master secret, a key for every purpose (HKDF-SHA256, RFC 5869).

A key that serves two purposes lets a token made for one be tried as the other. Here the purpose is part of the
derivation, so keys of two purposes, or of two installations, have nothing in common. Several secrets may be valid at
once: the first makes what is new, the others still open what is old, and each is known by a short id.
"""

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from coatcheck.errors import Misconfigured
from coatcheck.tokens.known_secrets import is_known

KEY_ID_BYTES: Final = 3
"""How long a key id is inside a token; as text it has four characters."""

_KEY_BYTES: Final = 32
_LEAST_CHARACTERS: Final = 32


@dataclass(frozen=True, slots=True)
class DerivedKey:
    """A key for one purpose. ``id`` names the secret it comes from and tells nothing about it."""

    id: str
    key: bytes = field(repr=False)


class Secrets:
    """The master secrets, the current one first.

    Raises Misconfigured when there is none, when one is shorter than 32 characters or has been published, or when two
    have the same id (the same secret given twice).
    """

    __slots__ = ("_by_id", "_derived")

    def __init__(self, secrets: Sequence[str]) -> None:
        if isinstance(secrets, str) or not secrets:
            raise Misconfigured("a list with at least one secret is needed")
        if any(len(secret) < _LEAST_CHARACTERS for secret in secrets):
            raise Misconfigured("a secret is shorter than 32 characters")
        if any(map(is_known, secrets)):
            raise Misconfigured("a secret is on a list of published ones; make one with `coatcheck keys secret`")
        self._by_id = {_key_id(secret): secret.encode("utf-8") for secret in secrets}
        if len(self._by_id) != len(secrets):
            raise Misconfigured("two secrets are the same")
        self._derived: dict[str, tuple[DerivedKey, ...]] = {}

    def __repr__(self) -> str:
        return f"<Secrets {', '.join(self._by_id)}>"

    @property
    def ids(self) -> tuple[str, ...]:
        """What each is known by, the current one first. They stand in tokens and tell nothing about the secrets."""
        return tuple(self._by_id)

    def current(self, purpose: str) -> DerivedKey:
        """The key that makes what is new."""
        return self.all(purpose)[0]

    def all(self, purpose: str) -> tuple[DerivedKey, ...]:
        """Every key that is accepted, the current one first."""
        derived = self._derived.get(purpose)
        if derived is None:
            derived = tuple(
                DerivedKey(key_id, _derive(secret, f"coatcheck purpose: {purpose}", _KEY_BYTES))
                for key_id, secret in self._by_id.items()
            )
            self._derived[purpose] = derived
        return derived

    def by_id(self, purpose: str, key_id: str) -> DerivedKey | None:
        """The key with that id, or None when its secret is not among ours."""
        return next((key for key in self.all(purpose) if key.id == key_id), None)


def _key_id(secret: str) -> str:
    return urlsafe_b64encode(_derive(secret.encode("utf-8"), "coatcheck key id", KEY_ID_BYTES)).decode("ascii")


def _derive(secret: bytes, label: str, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=label.encode("utf-8")).derive(secret)
