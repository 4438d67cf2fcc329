"""Opaque tokens: ``ccs_…``, a random secret that means nothing outside the store.

    <prefix>_ base64url( key id, 3 bytes ‖ secret, 20 random bytes ‖ tag, 10 bytes )

The tag is HMAC-SHA256, truncated, under a key of this kind of token alone. It is no proof of anything but that we made
the token: forgeries never reach the store, so nobody can make it work by guessing. What opens a session is the secret,
and the store keeps only the digest of the whole. The prefix tells people and secret scanners what leaked.
"""

from hashlib import sha256
from hmac import compare_digest
from hmac import digest as hmac_digest
from secrets import token_bytes
from typing import Final

from coatcheck.tokens.base64url import decode, encode
from coatcheck.tokens.derivation import KEY_ID_BYTES, Secrets

SESSION_PREFIX: Final = "ccs"
"""What session tokens are called."""

SESSION_START: Final = f"{SESSION_PREFIX}_".encode("ascii")
"""What session tokens start with."""

_SECRET_BYTES: Final = 20
_TAG_BYTES: Final = 10
_BODY_CHARACTERS: Final = (KEY_ID_BYTES + _SECRET_BYTES + _TAG_BYTES) * 4 // 3


class OpaqueTokens:
    """Makes and recognises the tokens of one kind. ``prefix`` names the kind and separates its keys from all others."""

    __slots__ = ("_current", "_keys", "_length", "_start")

    def __init__(self, prefix: str, secrets: Secrets) -> None:
        self._start = f"{prefix}_".encode("ascii")
        self._length = len(self._start) + _BODY_CHARACTERS
        keys = secrets.all(f"opaque token {prefix}")
        self._keys = {decode(key.id.encode("ascii")): key.key for key in keys}
        self._current = next(iter(self._keys))

    def issue(self) -> str:
        """A fresh token: 160 random bits."""
        tagged = self._current + token_bytes(_SECRET_BYTES)
        return (self._start + encode(tagged + self._tag(self._keys[self._current], tagged))).decode("ascii")

    def is_genuine(self, token: bytes) -> bool:
        """True when one of our keys tagged ``token``, letter by letter. Says nothing about the session behind it."""
        if len(token) != self._length or not token.startswith(self._start):
            return False
        try:
            body = decode(token[len(self._start) :])
        except ValueError:
            return False
        key = self._keys.get(body[:KEY_ID_BYTES])
        return key is not None and compare_digest(self._tag(key, body[:-_TAG_BYTES]), body[-_TAG_BYTES:])

    def _tag(self, key: bytes, tagged: bytes) -> bytes:
        return hmac_digest(key, self._start + tagged, "sha256")[:_TAG_BYTES]


def is_well_formed(token: bytes) -> bool:
    """True when ``token`` looks like a session token. Says nothing about who made it."""
    if len(token) != len(SESSION_START) + _BODY_CHARACTERS or not token.startswith(SESSION_START):
        return False
    try:
        decode(token[len(SESSION_START) :])
    except ValueError:
        return False
    return True


def digest(token: bytes) -> bytes:
    """What the store keeps in place of ``token``: SHA-256, which needs no salt where the secret has 160 bits."""
    return sha256(token).digest()
