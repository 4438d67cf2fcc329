"""What can be told of a token by looking at it alone: its kind, and whether it is formed as ours are.

Nothing here is believed: a header and claims that are shown are what the token says of itself. No database, no key, no
clock, and no secret in what is returned.
"""

import re
from contextlib import suppress
from enum import StrEnum
from functools import cache
from secrets import token_urlsafe
from typing import Any, Final, NamedTuple

from coatcheck.errors import TokenInvalid
from coatcheck.model.identifiers import SESSION, new_identifier
from coatcheck.model.key import Algorithm
from coatcheck.tokens.api_key import API_KEY_PREFIX, SERVICE_SECRET_PREFIX, KeyTokens, is_well_formed
from coatcheck.tokens.base64url import decode
from coatcheck.tokens.derivation import Secrets
from coatcheck.tokens.jws import MAX_BYTES, Header, open_compact
from coatcheck.tokens.jwt import JWT_START
from coatcheck.tokens.keyring import VerificationKey
from coatcheck.tokens.opaque import SESSION_PREFIX, OpaqueTokens
from coatcheck.tokens.refresh import REFRESH_PREFIX, RefreshTokens
from coatcheck.tokens.strict_json import read_object

_ACCESS_TYPES: Final = ("at+jwt", "application/at+jwt")
_TOKEN: Final = re.compile(r"cc[srkx]_[A-Za-z0-9_-]{16,}|[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{16,}")
_HIDDEN: Final = "(a token, not shown)"


class TokenKind(StrEnum):
    """What a token is, by its form."""

    SESSION = "session token"
    REFRESH = "refresh token"
    API_KEY = "API key"
    SERVICE_SECRET = "service secret"  # noqa: S105 - the name of a kind
    ACCESS = "access token"
    OTHER_JWT = "JWT, but no access token"
    UNKNOWN = "no token of ours"


class Finding(NamedTuple):
    """One thing that was looked at: whether it ``holds`` (None: it could not be looked at), what there is to say, and
    the code (``errors.py``) that a client is answered where it does not hold."""

    about: str
    holds: bool | None
    says: str
    code: str = ""


class Form(NamedTuple):
    """A token's kind, what it says of itself (a JWT only; None when that can't be read in one way only), and whether it
    is well formed."""

    kind: TokenKind
    finding: Finding
    header: dict[str, Any] | None = None
    claims: dict[str, Any] | None = None


def form_of(token: str) -> Form:
    """Look at ``token``. Raises nothing."""
    if not (token.isascii() and token.isprintable()):
        return _ill_formed(TokenKind.UNKNOWN, "it holds characters that no token has")
    for prefix, kind in _PREFIXES.items():
        if token.startswith(f"{prefix}_"):
            return _opaque(token, prefix, kind)
    if token.count(".") == 2:
        return _jwt(token)
    if token.count(".") == 4 and token.encode().startswith(JWT_START):
        return _ill_formed(TokenKind.OTHER_JWT, "it has five parts: an encrypted token (JWE), and none of ours is")
    if token.encode().startswith(JWT_START):
        return _ill_formed(TokenKind.ACCESS, f"a JWT has three parts with dots between; this has {_parts(token)}")
    starts = ", ".join(f"{prefix}_ ({kind})" for prefix, kind in _PREFIXES.items())
    return _ill_formed(TokenKind.UNKNOWN, f"ours begin with {starts} or eyJ (access token)")


def without_tokens(value: Any) -> Any:
    """``value`` as read from JSON, without the tokens that somebody may have put inside."""
    match value:
        case str():
            return _TOKEN.sub(_HIDDEN, value)
        case list():
            return [without_tokens(each) for each in value]
        case dict():
            return {without_tokens(name): without_tokens(each) for name, each in value.items()}
        case _:
            return value


def _opaque(token: str, prefix: str, kind: TokenKind) -> Form:
    body, length = token[len(prefix) + 1 :], _length(prefix)
    if len(token) != length:
        return _ill_formed(kind, f"it has {len(token)} characters, and one has {length}: was it copied whole?")
    if kind in (TokenKind.API_KEY, TokenKind.SERVICE_SECRET):
        if not is_well_formed(token.encode("ascii")):
            return _ill_formed(kind, "its last six characters are not the checksum of the others: some were changed")
        return Form(kind, _well_formed())
    try:
        decode(body.encode("ascii"))
    except ValueError:
        return _ill_formed(kind, "it is not base64url in its one spelling: a character of it was changed")
    return Form(kind, _well_formed())


def _jwt(token: str) -> Form:
    if len(token) > MAX_BYTES:
        return _ill_formed(TokenKind.UNKNOWN, f"it is longer than {MAX_BYTES} characters, and is not even decoded")
    header, claims = (_read(part) for part in token.split(".")[:2])
    formed = _header_of(token)
    is_access = header is not None and header.get("typ") in _ACCESS_TYPES
    kind = TokenKind.ACCESS if is_access else TokenKind.OTHER_JWT if header is not None else TokenKind.UNKNOWN
    fault = None
    if header is None:
        fault = "its header is no JSON object that can be read in one way only"
    elif formed is None or formed.kid is None or not is_access:
        fault = _fault_of(header)
    elif not token.encode().startswith(JWT_START):
        fault = "it does not begin with eyJ, as ours do"
    elif claims is None:
        fault = "its claims are no JSON object that can be read in one way only"
    finding = _well_formed() if fault is None else Finding("form", False, fault, TokenInvalid.code)
    return Form(kind, finding, without_tokens(header), without_tokens(claims))


def _fault_of(header: dict[str, Any]) -> str:
    """Why a header is refused."""
    more = sorted(header.keys() - {"alg", "kid", "typ"})
    if more:
        return f"its header has {', '.join(map(without_tokens, more))}: ours has alg, kid and typ, and nothing else"
    if header.get("alg") not in list(Algorithm):
        return f"its header names no algorithm that is offered ({', '.join(Algorithm)})"
    if header.get("typ") not in _ACCESS_TYPES:
        return "its header does not say typ at+jwt: it is no access token (RFC 9068)"
    if "kid" not in header:
        return "its header names no key (kid)"
    return "it is not formed as ours are"


def _header_of(token: str) -> Header | None:
    """The header, if the strict reader would go on to look for the key; else None."""
    reached: list[Header] = []

    def stop(header: Header) -> VerificationKey:
        reached.append(header)
        raise TokenInvalid

    with suppress(TokenInvalid):
        open_compact(token.encode("ascii"), stop)
    return reached[0] if reached else None


def _read(part: str) -> dict[str, Any] | None:
    try:
        return read_object(decode(part.encode("ascii")))
    except (ValueError, RecursionError):
        return None


def _parts(token: str) -> str:
    count = token.count(".") + 1
    return "one" if count == 1 else "two" if count == 2 else str(count)


def _well_formed() -> Finding:
    return Finding("form", True, "as ours are formed")


def _ill_formed(kind: TokenKind, says: str) -> Form:
    return Form(kind, Finding("form", False, says, TokenInvalid.code))


_PREFIXES: Final = {
    SESSION_PREFIX: TokenKind.SESSION,
    REFRESH_PREFIX: TokenKind.REFRESH,
    API_KEY_PREFIX: TokenKind.API_KEY,
    SERVICE_SECRET_PREFIX: TokenKind.SERVICE_SECRET,
}


@cache
def _length(prefix: str) -> int:
    """How long a token of that kind is: one is made, under a secret of its own."""
    secrets = Secrets((token_urlsafe(32),))
    if prefix == REFRESH_PREFIX:
        return len(RefreshTokens(secrets).first(new_identifier(SESSION)).text)
    maker = KeyTokens if prefix in (API_KEY_PREFIX, SERVICE_SECRET_PREFIX) else OpaqueTokens
    return len(maker(prefix, secrets).issue())
