"""Secrets that people paste into configurations: API keys ``cck_…`` and the secrets of services ``ccx_…``.

    <prefix>_ base64url( key id, 3 bytes ‖ secret, 20 random bytes ‖ tag, 10 bytes ) checksum, 6 characters

They are opaque tokens with a CRC32 at the end, in base 62. Whoever scans repositories and logs for what leaked can tell
a key from any other text by it, without a key of ours and without asking us. It proves nothing; the tag does.

A scanner looks for ``cc[kx]_[0-9A-Za-z_-]{44}[0-9A-Za-z]{6}`` and asks ``is_well_formed``.
"""

from typing import Final
from zlib import crc32

from coatcheck.tokens.derivation import Secrets
from coatcheck.tokens.opaque import OpaqueTokens

API_KEY_PREFIX: Final = "cck"
"""What API keys are called."""

API_KEY_START: Final = f"{API_KEY_PREFIX}_".encode("ascii")
"""What API keys start with."""

SERVICE_SECRET_PREFIX: Final = "ccx"  # noqa: S105 - a name
"""What secrets of services are called."""

SERVICE_SECRET_START: Final = f"{SERVICE_SECRET_PREFIX}_".encode("ascii")
"""What secrets of services start with."""

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECKSUM_CHARACTERS: Final = 6
_LENGTH: Final = len(API_KEY_START) + 44 + _CHECKSUM_CHARACTERS


class KeyTokens:
    """Makes and recognises the keys of one kind."""

    __slots__ = ("_tokens",)

    def __init__(self, prefix: str, secrets: Secrets) -> None:
        self._tokens = OpaqueTokens(prefix, secrets)

    def issue(self) -> str:
        """A fresh key: 160 random bits."""
        text = self._tokens.issue()
        return text + checksum(text.encode("ascii")).decode("ascii")

    def is_genuine(self, token: bytes) -> bool:
        """True when we made ``token``, letter by letter. Says nothing about what it opens."""
        return is_well_formed(token) and self._tokens.is_genuine(token[:-_CHECKSUM_CHARACTERS])


def is_well_formed(token: bytes) -> bool:
    """True when ``token`` has the length, a prefix and the checksum of a key or a service's secret."""
    if len(token) != _LENGTH or not token.startswith((API_KEY_START, SERVICE_SECRET_START)):
        return False
    return checksum(token[:-_CHECKSUM_CHARACTERS]) == token[-_CHECKSUM_CHARACTERS:]


def checksum(text: bytes) -> bytes:
    """The CRC32 of ``text`` in six characters, base 62, the highest first."""
    number, characters = crc32(text), []
    for _ in range(_CHECKSUM_CHARACTERS):
        number, digit = divmod(number, len(_ALPHABET))
        characters.append(_ALPHABET[digit])
    return "".join(reversed(characters)).encode("ascii")
