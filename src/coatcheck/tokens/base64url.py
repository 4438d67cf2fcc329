"""Base64url without padding, in its one canonical spelling (RFC 7515 §2, RFC 4648 §3.5).

Python's own decoders skip what they do not know and ignore unused trailing bits, so that one value has many spellings.
Here it has exactly one: whoever changes a single character of a token has changed its bytes.
"""

from binascii import a2b_base64, b2a_base64
from typing import Final

_TO_STANDARD: Final = bytes.maketrans(b"-_+/=", b"+/!!!")
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_LAST_OF_TWO: Final = frozenset(b"AQgw")
_LAST_OF_THREE: Final = frozenset(b"AEIMQUYcgkosw048")


def encode(raw: bytes) -> bytes:
    """Return the canonical spelling of ``raw``."""
    return b2a_base64(raw, newline=False).rstrip(b"=").translate(_TO_URL)


def decode(text: bytes) -> bytes:
    """Return the bytes that ``text`` spells.

    Raises ValueError for padding, whitespace, ``+`` and ``/``, any other foreign character, an impossible length, and
    unused trailing bits that are not zero. The message never contains the text.
    """
    rest = len(text) % 4
    if rest == 0:
        return a2b_base64(text.translate(_TO_STANDARD), strict_mode=True)
    if rest == 1 or text[-1] not in (_LAST_OF_TWO if rest == 2 else _LAST_OF_THREE):
        raise ValueError("not canonical base64url")
    return a2b_base64(text.translate(_TO_STANDARD) + (b"==" if rest == 2 else b"="), strict_mode=True)
