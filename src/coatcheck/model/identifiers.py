"""Public identifiers: a type prefix and 128 random bits, such as ``ses_4k2…``.

They are names, not secrets: they appear in URLs, logs and tokens. A secret never serves as an identifier.
"""

from base64 import b32decode, b32encode
from secrets import token_bytes
from typing import Final

USER: Final = "usr"
SESSION: Final = "ses"
KEY: Final = "key"
EVENT: Final = "evt"
REGISTRATION: Final = "reg"
AUDIT: Final = "aud"
SERVICE: Final = "svc"
API_KEY: Final = "apk"
CREDENTIAL: Final = "crd"
"""A secret or a public key of a service."""

_RANDOM_BYTES: Final = 16
_TEXT_LENGTH: Final = 26


def new_identifier(kind: str) -> str:
    """Return a fresh identifier of ``kind``; two never meet (128 random bits)."""
    return identifier_of(kind, token_bytes(_RANDOM_BYTES))


def identifier_of(kind: str, part: bytes) -> str:
    """Return the identifier of ``kind`` whose 16 random bytes are ``part``: the inverse of ``random_part``."""
    return f"{kind}_{b32encode(part).decode('ascii').rstrip('=').lower()}"


def random_part(identifier: str) -> bytes:
    """Return the 16 random bytes inside ``identifier``: what a replica keeps, a third of the memory of the text.

    Raises ValueError when the text is not an identifier.
    """
    _, _, text = identifier.rpartition("_")
    if len(text) != _TEXT_LENGTH:
        raise ValueError("not an identifier")
    return b32decode(text.upper() + "======")
