"""May this caller do that?  Role, scope, and how lately the password was proven."""

from collections.abc import Callable
from datetime import datetime, timedelta

from coatcheck.errors import AccessDenied, ReauthenticationNeeded
from coatcheck.model.expiry import needs_fresh_proof
from coatcheck.model.principal import Principal


def require_access(
    who: Principal,
    *,
    role: str | None,
    scope: str | None,
    fresh_within: timedelta | None,
    now: Callable[[], datetime],
) -> None:
    """Refuse a caller who lacks ``role`` or ``scope``, or whose last proof is older than ``fresh_within``; only
    for that ``now`` is asked.

    Raises AccessDenied (403), and ReauthenticationNeeded when only the proof is too old: it is asked for last, so that
    nobody types a password for what they may not do anyway (RFC 9470).
    """
    if role is not None and role not in who.roles:
        raise AccessDenied
    if scope is not None and scope not in who.scopes:
        raise AccessDenied
    if fresh_within is not None and needs_fresh_proof(now(), who.authenticated_at, fresh_within):
        raise ReauthenticationNeeded(fresh_within)
