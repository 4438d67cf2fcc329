"""HOW IS "NO" SAID?  Errors as answers: problem details (RFC 9457).

An answer says what ``coatcheck.errors`` says and nothing else: no traceback, no cause, no secret. Who answers puts the
security headers on top.
"""

from datetime import timedelta
from re import sub
from typing import Any, Final, NamedTuple

from msgspec import json

from coatcheck.carriers.raw import RawHeader
from coatcheck.errors import (
    AttemptsExceeded,
    AuthError,
    Broken,
    LoginRefused,
    PasswordWeak,
    ReauthenticationNeeded,
    RequestInvalid,
    TokenMissing,
)

_SECOND: Final = timedelta(seconds=1)
_NEEDS_A_LOGIN: Final = (TokenMissing, LoginRefused)


NOT_STORED: Final[RawHeader] = (b"cache-control", b"no-store")
"""For what no cache may keep."""


class Answer(NamedTuple):
    """An answer in the parts that a server sends."""

    status: int
    headers: tuple[RawHeader, ...]
    body: bytes


def problem(error: AuthError) -> Answer:
    """The answer to a request that ended in ``error``: status, ``WWW-Authenticate``, ``Retry-After`` and the body."""
    members: dict[str, Any] = {
        "type": f"urn:coatcheck:{error.code}",
        "title": _title(type(error)),
        "status": error.status,
        "code": error.code,
        "detail": error.message,
    }
    if isinstance(error, RequestInvalid):
        members["errors"] = [{"field": fault.field, "reason": fault.reason} for fault in error.errors]
    elif isinstance(error, PasswordWeak):
        members["reasons"] = list(error.reasons)
    elif isinstance(error, ReauthenticationNeeded):
        members["max_age"] = error.max_age // _SECOND
    headers = ((b"content-type", b"application/problem+json"), *_challenge(error), *retry_after(error))
    return Answer(error.status, headers, json.encode(members))


def unstored_problem(error: AuthError) -> Answer:
    """As ``problem``, for nobody to keep."""
    answer = problem(error)
    return answer._replace(headers=(*answer.headers, NOT_STORED))


def _title(kind: type[AuthError]) -> str:
    """``TokenInvalid`` → "Token invalid". One title for one code: that of the class which introduces the code."""
    first = next(each for each in kind.__mro__ if "code" in vars(each))
    return sub(r"(?<!^)([A-Z])", lambda capital: f" {capital[1].lower()}", first.__name__)


def _challenge(error: AuthError) -> tuple[RawHeader, ...]:
    """``WWW-Authenticate`` of a 401 (RFC 6750 §3, RFC 9470 §3): without an error code where nothing was presented."""
    if error.status != 401:
        return ()
    if isinstance(error, _NEEDS_A_LOGIN):
        return ((b"www-authenticate", b"Bearer"),)
    name, more = "invalid_token", ""
    if isinstance(error, ReauthenticationNeeded):
        name, more = "insufficient_user_authentication", f', max_age="{error.max_age // _SECOND}"'
    value = f'Bearer error="{name}", error_description="{quotable(error.message)}"{more}'
    return ((b"www-authenticate", value.encode("ascii")),)


def retry_after(error: AuthError) -> tuple[RawHeader, ...]:
    """``Retry-After`` where trying again later helps."""
    if not isinstance(error, Broken | AttemptsExceeded):
        return ()
    return ((b"retry-after", b"%d" % max(1, -(-error.retry_after // _SECOND))),)


def quotable(text: str) -> str:
    """``text`` in the characters of ``error_description`` (RFC 6749 §5.2): printable ASCII without ``"`` and ``\\``."""
    plain = text.replace('"', "'").replace("\\", "/").encode("ascii", "replace").decode("ascii")
    return "".join(character if character.isprintable() else " " for character in plain)
