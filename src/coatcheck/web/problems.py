"""Errors as answers of the token endpoint and its kin, in the form of OAuth (RFC 6749 §5.2).

``problem`` and ``Answer`` are those of ``coatcheck.problems``: everything else is answered with problem details.
"""

from typing import Final

from msgspec import json

from coatcheck.carriers.raw import RawHeader
from coatcheck.errors import (
    AttemptsExceeded,
    AuthError,
    Broken,
    CredentialRefused,
    LoginRefused,
    RequestInvalid,
    ServiceRefused,
    TokenMissing,
    UserSuspended,
)
from coatcheck.problems import Answer as Answer
from coatcheck.problems import problem as problem
from coatcheck.problems import quotable, retry_after

_BASIC: Final[RawHeader] = (b"www-authenticate", b'Basic realm="coatcheck"')
_OAUTH_FIELDS: Final = {
    "grant_type": "unsupported_grant_type",
    "scope": "invalid_scope",
    "audience": "invalid_target",  # RFC 8707 §2
}


def oauth_problem(error: AuthError) -> Answer:
    """The answer of ``api/token`` and its kin. A grant that fails is 400 ``invalid_grant`` and never 401.

    So a client that refreshes whenever it sees a 401 does not refresh because its refresh failed. ``code`` is ours.
    """
    status, name = error.status, "invalid_request"
    if isinstance(error, TokenMissing):
        status = 400
    elif isinstance(error, ServiceRefused):
        name = "invalid_client"
    elif isinstance(error, CredentialRefused | LoginRefused | UserSuspended):
        status, name = 400, "invalid_grant"
    elif isinstance(error, RequestInvalid):
        status = 400
        name = next((_OAUTH_FIELDS[fault.field] for fault in error.errors if fault.field in _OAUTH_FIELDS), name)
    elif isinstance(error, Broken | AttemptsExceeded):
        name = "temporarily_unavailable"
    members = {
        "error": name,
        "code": error.code,
        "error_description": quotable(error.message),
    }
    challenge = (_BASIC,) if status == 401 else ()
    return Answer(
        status, ((b"content-type", b"application/json"), *challenge, *retry_after(error)), json.encode(members)
    )
