"""What a route asks: who is there, may they, and did they prove it lately."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeAlias

from coatcheck.asgi.passage import KEY, Connection, Passage, passage_of
from coatcheck.asgi.websocket import LiveSocket
from coatcheck.checking.cache import Remembered
from coatcheck.clock import now_of
from coatcheck.errors import Refused
from coatcheck.model.access import require_access
from coatcheck.model.principal import Principal

Guard: TypeAlias = Callable[[Connection], Awaitable[Principal]]
"""What ``require`` makes: ask it with a request, a WebSocket or a scope."""


async def current(connection: Connection) -> Principal:
    """Return who is asking, decided now: no answer is older than this call, not even after a long upload.

    Raises the CredentialRefused that fits (TokenMissing when there is none), OriginRefused for another site's request
    with our cookie, CheckingStale or StoreUnavailable when nothing can be decided now.
    """
    scope = connection if isinstance(connection, dict) else connection.scope
    passage: Passage | LiveSocket = scope[KEY] if KEY in scope else passage_of(connection)
    entrance = passage.entrance
    presented = entrance.presented(scope, passage)
    checker = entrance.checker
    decided = None if checker is None else checker.check(presented.token, presented.carried_by)
    if not isinstance(decided, Remembered):
        decided = await entrance.settle(presented, passage)
    passage.learn((presented, decided))
    return decided.principal


async def optional(connection: Connection) -> Principal | None:
    """Return who is asking, or None when nobody is, or not with a credential that counts.

    Raises CheckingStale or StoreUnavailable: whoever is logged in must not be taken for a stranger.
    """
    try:
        return await current(connection)
    except Refused:
        return None


def require(*, role: str | None = None, scope: str | None = None, fresh_within: timedelta | None = None) -> Guard:
    """Make a guard that lets a caller through only with ``role``, with ``scope``, and with a password proven no longer
    than ``fresh_within`` ago (RFC 9470).

    The guard raises what ``current`` raises, AccessDenied (403), and ReauthenticationNeeded when only the proof is too
    old: it is asked for last, so that nobody types a password for what they may not do anyway.
    """

    async def guard(connection: Connection) -> Principal:
        who = await current(connection)
        clock = passage_of(connection).entrance.auth.clock
        require_access(who, role=role, scope=scope, fresh_within=fresh_within, now=lambda: now_of(clock))
        return who

    return guard
