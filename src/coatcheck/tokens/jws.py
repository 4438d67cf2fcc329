"""Compact JWS (RFC 7515 §7.1): three canonical segments, a small header, one signature.

The header may have three members, ``alg``, ``kid`` and ``typ``, and no others. So there is no ``crit`` and no ``b64``
(RFC 7797), nothing is compressed or nested, and no key is ever taken or fetched from a token (``jwk``, ``jku``,
``x5c``, ``x5u``): there is no code here that could.
"""

from collections.abc import Callable
from re import compile as pattern
from typing import Final, NamedTuple

from coatcheck.errors import TokenInvalid
from coatcheck.model.key import Algorithm
from coatcheck.tokens.base64url import decode, encode
from coatcheck.tokens.keyring import Signer, VerificationKey
from coatcheck.tokens.strict_json import read_object

MAX_BYTES: Final = 8192
"""A longer token is refused before anything in it is decoded."""

_MAX_HEADER_BYTES: Final = 512
_MAX_REMEMBERED: Final = 256
_MEMBERS: Final = frozenset({"alg", "kid", "typ"})
_KID: Final = pattern(r"[A-Za-z0-9_.:@~+/=-]{1,128}")


class Header(NamedTuple):
    """What a header says: nothing but a claim until the signature has been verified."""

    algorithm: Algorithm
    kid: str | None
    typ: str | None


# A header segment always reads the same, and a key always signs with the same one. Only those that came with a good
# signature are remembered, so strangers can't fill this.
_remembered: dict[bytes, Header] = {}


def sign_compact(payload: bytes, typ: str, signer: Signer) -> bytes:
    """Sign ``payload`` under a header with ``alg``, ``kid`` and ``typ``."""
    header = f'{{"alg":"{signer.algorithm.value}","kid":"{signer.kid}","typ":"{typ}"}}'
    message = encode(header.encode("ascii")) + b"." + encode(payload)
    return message + b"." + encode(signer.sign(message))


def open_compact(token: bytes, key_for: Callable[[Header], VerificationKey]) -> tuple[Header, bytes]:
    """Verify ``token`` and return its header and payload.

    ``key_for`` picks the key, knowing only the unverified header, and may raise. Its key decides: the header's ``alg``
    must be the key's own, and its ``kid``, if any, too. Raises TokenInvalid, the same for everything that is wrong.
    """
    if len(token) > MAX_BYTES:
        raise TokenInvalid
    message, _, signature_text = token.rpartition(b".")
    header_text, _, payload_text = message.partition(b".")
    remembered = _remembered.get(header_text)
    try:
        header = remembered or read_header(header_text)
        signature = decode(signature_text)
        payload = decode(payload_text)
    except ValueError:
        raise TokenInvalid from None
    key = key_for(header)
    if header.algorithm is not key.algorithm or header.kid not in (None, key.kid):
        raise TokenInvalid
    if not key.verifies(signature, message):
        raise TokenInvalid
    if remembered is None:
        if len(_remembered) >= _MAX_REMEMBERED:
            _remembered.clear()
        _remembered[header_text] = header
    return header, payload


def read_header(text: bytes) -> Header:
    """Read a header segment, unverified. Raises ValueError."""
    raw = decode(text)
    if len(raw) > _MAX_HEADER_BYTES:
        raise ValueError("the header is too long")
    members = read_object(raw)
    if not members.keys() <= _MEMBERS or not all(isinstance(value, str) for value in members.values()):
        raise ValueError("the header has a member that is not offered")
    kid = members.get("kid")
    if kid is not None and not _KID.fullmatch(kid):
        raise ValueError("the kid is no name of a key")
    return Header(Algorithm(members.get("alg", "")), kid, members.get("typ"))
