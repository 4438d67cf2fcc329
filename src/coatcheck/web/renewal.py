"""A session cookie whose secret is replaced in passing, so that a stolen copy does not live for weeks."""

from datetime import timedelta

from coatcheck.auth import Auth
from coatcheck.carriers.cookies import Cookie, write
from coatcheck.carriers.presented import NotPresented, Presented
from coatcheck.checking.cache import Remembered
from coatcheck.clock import now_of
from coatcheck.errors import Broken, Refused
from coatcheck.tokens.opaque import digest


async def renewed_cookie(
    auth: Auth, presented: Presented | NotPresented, remembered: Remembered | None, cookie: Cookie
) -> bytes | None:
    """Return the ``Set-Cookie`` value that replaces ``cookie``, the one of sessions, when its secret is as old as
    ``settings.sessions.renew_after``.

    None when it is not, or the credential came otherwise. None too when another request was first, the session has
    ended, or the store is away: the cookie that the browser has is good for longer, and another request will try again.
    """
    if not isinstance(presented, Presented) or presented.cookie != cookie:
        return None
    if remembered is None or remembered.stepped_at is None:
        return None
    now = now_of(auth.clock)
    if now - remembered.stepped_at < auth.settings.sessions.renew_after:
        return None
    try:
        login = await auth.renew_cookie(remembered.session_id, digest(presented.token))
    except (Broken, Refused):
        return None
    if login is None or login.credentials.session_token is None:
        return None
    lasts: timedelta | None = login.session.expires_at - now if login.session.remember else None
    return write(cookie, login.credentials.session_token, lasts)
