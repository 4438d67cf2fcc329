"""The claims of an access token, and the rules they must meet (RFC 9068 §2.2 and §4, RFC 7519 §4.1).

The signature comes first, always: nothing here is asked of a token that has not been verified. Times are whole seconds
since 1970 (NumericDate); the clock is handed in.
"""

from typing import Annotated, Final, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.json import Decoder, Encoder

from coatcheck.errors import TokenExpired, TokenInvalid, TokenWrongAudience
from coatcheck.tokens.strict_json import read_object

MAX_LEEWAY: Final = 60
"""Seconds. More than that would be a longer lifetime by another name."""

MAX_AGE: Final = 24 * 60 * 60
"""Seconds after ``iat`` at which a token is over, whatever its ``exp`` says."""

NonEmpty: TypeAlias = Annotated[str, Meta(min_length=1)]
Instant: TypeAlias = Annotated[int, Meta(ge=0, le=253_402_300_799)]
Counter: TypeAlias = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class AccessClaims(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an access token says, and nothing about the person.

    ``gen`` is the session's generation, ``ver`` the user's version and ``all`` the everything-generation it was issued
    under; ``pos`` is the log position at which the session was found alive (rules 9 and 10 of ``docs/revocation.md``).
    """

    iss: NonEmpty
    aud: NonEmpty | tuple[NonEmpty, ...]
    sub: NonEmpty
    exp: Instant
    iat: Instant
    nbf: Instant | UnsetType = UNSET
    jti: NonEmpty
    sid: NonEmpty
    client_id: str
    scope: str
    roles: tuple[str, ...]
    auth_time: Instant
    amr: tuple[str, ...]
    gen: Counter
    ver: Counter
    all: Counter
    pos: NonEmpty


_encode: Final = Encoder().encode
_decode: Final = Decoder(AccessClaims).decode


def write_claims(claims: AccessClaims) -> bytes:
    """Return the payload that says ``claims``. Raises ValueError for what no checker would accept."""
    payload = _encode(claims)
    if _decode(payload) != claims:
        raise ValueError("the claims do not say the same when they are read back")
    if claims.exp - claims.iat > MAX_AGE:
        raise ValueError("an access token may live for one day at most")
    return payload


def read_claims(payload: bytes) -> AccessClaims:
    """Read the payload of a token whose signature has been verified.

    Raises TokenInvalid for a missing claim, one of another type (times are integers, never strings, fractions or null),
    a member that appears twice, and everything that is no strict JSON. Members that are not known are ignored
    (RFC 7519 §4): a newer server's token stays good.
    """
    try:
        claims = _decode(payload)
        # What we wrote ourselves is spelled exactly so, and then has no member twice. Others' spelling is read slowly.
        if _encode(claims) != payload:
            read_object(payload)
    except (ValueError, RecursionError):
        raise TokenInvalid from None
    return claims


def check_claims(claims: AccessClaims, *, issuer: str, audience: str, now: float, leeway: float) -> None:
    """Check claims that were signed by us: issuer, times and audience, each compared exactly.

    ``now`` and ``leeway`` are seconds; the leeway allows for other machines' clocks, is applied once to each bound and
    may be 60 s at most. Raises TokenInvalid for another issuer or a token from the future, TokenWrongAudience,
    TokenExpired, and ValueError for a leeway out of bounds.
    """
    if not 0 <= leeway <= MAX_LEEWAY:
        raise ValueError("the leeway must lie between 0 and 60 seconds")
    latest = now + leeway
    if claims.iss != issuer or claims.iat > latest or (claims.nbf is not UNSET and claims.nbf > latest):
        raise TokenInvalid
    if audience != claims.aud and (isinstance(claims.aud, str) or audience not in claims.aud):
        raise TokenWrongAudience
    earliest = now - leeway
    if claims.exp <= earliest or claims.iat + MAX_AGE <= earliest:
        raise TokenExpired
