"""Client assertions: a service proves that it has a private key (RFC 7523 §2.2, §3; OpenID Connect Core §9).

As strict as our own tokens: the same three members of a header, the same four algorithms less HS256, canonical
base64url, no member twice. Beyond the RFC, ``jti`` is required, an assertion lives for five minutes at most, and it has
one audience: one that is for several servers could be passed on by each of them.
"""

from re import compile as pattern
from typing import Annotated, Final, NamedTuple

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.json import Decoder

from coatcheck.errors import TokenInvalid
from coatcheck.model.key import Algorithm
from coatcheck.tokens.base64url import decode
from coatcheck.tokens.claims import Instant, NonEmpty
from coatcheck.tokens.jws import MAX_BYTES, Header, open_compact, read_header
from coatcheck.tokens.keyring import VerificationKey
from coatcheck.tokens.strict_json import read_object

LONGEST: Final = 5 * 60
"""Seconds: the furthest in the future that ``exp`` may lie."""

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
"""The only ``client_assertion_type``."""

ALGORITHMS: Final = (Algorithm.ES256, Algorithm.EDDSA, Algorithm.RS256)
"""What an assertion may be signed with: never with a secret that we would have to know, too."""

_TYPES: Final = (None, "JWT", "client-authentication+jwt")
_LONGEST_JTI: Final = 128
_SUBJECT: Final = pattern(r"svc_[a-z2-7]{26}")  # so nothing else ever reaches the store


class AssertionClaims(Struct, frozen=True, kw_only=True):
    """What an assertion says. Others' members are ignored."""

    iss: NonEmpty
    sub: NonEmpty
    aud: NonEmpty | tuple[NonEmpty, ...]
    exp: Instant
    iat: Instant | UnsetType = UNSET
    nbf: Instant | UnsetType = UNSET
    jti: Annotated[str, Meta(min_length=1, max_length=_LONGEST_JTI)]


class Claimed(NamedTuple):
    """Who an assertion says it is from, unverified: enough to look for keys, and for nothing else."""

    algorithm: Algorithm
    kid: str | None
    subject: str


_read_claims: Final = Decoder(AssertionClaims).decode


def read_claimed(assertion: bytes) -> Claimed:
    """Say whose keys to try. Raises TokenInvalid for what can't be an assertion."""
    if len(assertion) > MAX_BYTES or assertion.count(b".") != 2:
        raise TokenInvalid
    header_text, payload_text, _ = assertion.split(b".")
    try:
        header = read_header(header_text)
        claims = _claims(decode(payload_text))
    except ValueError:
        raise TokenInvalid from None
    if header.typ not in _TYPES or header.algorithm not in ALGORITHMS or not _SUBJECT.fullmatch(claims.sub):
        raise TokenInvalid
    return Claimed(header.algorithm, header.kid, claims.sub)


def verify_assertion(
    assertion: bytes, key: VerificationKey, *, service_id: str, audiences: tuple[str, ...], now: float, leeway: float
) -> AssertionClaims:
    """Verify that the holder of ``key`` made ``assertion`` now, as ``service_id``, for one of ``audiences``.

    ``now`` and ``leeway`` are seconds. That it was not used before is for the caller to see to. Raises TokenInvalid,
    the same for everything that is wrong.
    """

    def key_for(header: Header) -> VerificationKey:
        if header.typ not in _TYPES or key.algorithm not in ALGORITHMS:
            raise TokenInvalid
        return key

    _, payload = open_compact(assertion, key_for)
    try:
        claims = _claims(payload)
    except ValueError:
        raise TokenInvalid from None
    audience = claims.aud if isinstance(claims.aud, str) else claims.aud[0] if len(claims.aud) == 1 else None
    latest = now + leeway
    if (
        claims.iss != service_id
        or claims.sub != service_id
        or audience not in audiences
        or not now - leeway < claims.exp <= latest + LONGEST
        or (claims.iat is not UNSET and not latest - 2 * leeway - LONGEST <= claims.iat <= latest)
        or (claims.nbf is not UNSET and claims.nbf > latest)
    ):
        raise TokenInvalid
    return claims


def _claims(payload: bytes) -> AssertionClaims:
    read_object(payload)  # no member twice
    try:
        return _read_claims(payload)
    except RecursionError:
        raise ValueError("nested too deep") from None
