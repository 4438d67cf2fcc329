"""JWT access tokens: one strict profile of RFC 9068, not a JOSE toolbox.

A compact JWS of type ``at+jwt`` with ES256, EdDSA, RS256 or HS256, by a key that is named in the header and bound to
one algorithm. Everything else is refused with one and the same error, before anything in the token is believed.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from coatcheck.errors import TokenInvalid
from coatcheck.tokens.base64url import decode
from coatcheck.tokens.claims import AccessClaims, read_claims, write_claims
from coatcheck.tokens.jws import Header, open_compact, sign_compact
from coatcheck.tokens.keyring import Signer, VerificationKey
from coatcheck.tokens.weak_keys import KeyRefused

MAX_MINTED_BYTES: Final = 4096
"""The longest token that is made: browsers drop a longer cookie, and proxies a longer header."""

JWT_START: Final = b"eyJ"
"""What every JWT starts with: ``{"`` in base64url, the beginning of its header."""

_TYPE: Final = "at+jwt"
_TYPES: Final = ("at+jwt", "application/at+jwt")


class Verified(NamedTuple):
    """A token that one of our keys signed. Its claims are genuine; whether they fit is for ``check_claims``."""

    kid: str
    claims: AccessClaims


class UnknownKey(TokenInvalid):
    """No valid key has the token's ``kid``. The checker may sync once, in case the key is new, and try again.

    To the client it is a TokenInvalid like any other. ``kid`` has not been verified: it is a short plain name, no more.
    """

    def __init__(self, kid: str) -> None:
        super().__init__()
        self.kid = kid


def sign(claims: AccessClaims, signer: Signer) -> str:
    """Mint an access token.

    Raises ValueError for claims that no checker would accept and for a token of more than 4,096 bytes: a list of roles
    that has grown too long is found here, not by browsers that drop the cookie.
    """
    token = sign_compact(write_claims(claims), _TYPE, signer)
    if len(token) > MAX_MINTED_BYTES:
        raise ValueError("the access token would be longer than 4096 bytes")
    return token.decode("ascii")


def claims_of(token: bytes) -> AccessClaims:
    """Read the claims and verify nothing: of a token that was accepted just now, or to show what it says.

    Raises TokenInvalid for what has no claims.
    """
    try:
        return read_claims(decode(token.split(b".")[1]))
    except (IndexError, ValueError):
        raise TokenInvalid from None


def verify(token: bytes, keys: Callable[[str], VerificationKey | None]) -> Verified:
    """Verify form, type, algorithm and signature of ``token``, and read its claims.

    ``keys`` finds a valid key by its ``kid``, or None. The claims are not checked yet: call ``check_claims`` next.
    Raises UnknownKey, or TokenInvalid with one message for everything else.
    """

    def key_for(header: Header) -> VerificationKey:
        if header.typ not in _TYPES or header.kid is None:
            raise TokenInvalid
        try:
            key = keys(header.kid)
        except KeyRefused:
            raise TokenInvalid from None
        if key is None:
            raise UnknownKey(header.kid)
        return key

    header, payload = open_compact(token, key_for)
    claims = read_claims(payload)
    return Verified(header.kid or "", claims)
