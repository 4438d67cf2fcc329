"""For ASGI applications: the middleware, and how a route asks who is there.

    app = VerifierMiddleware(app, verifier)

    async def orders(request):
        who = await current(request)

As in ``coatcheck.asgi``, with a Verifier in the place of Auth. No framework is loaded for it.
"""

from asyncio import to_thread
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, Final, TypeAlias

from coatcheck.clock import now_of
from coatcheck.errors import AuthError, Misconfigured, Refused
from coatcheck.lifespan import Application, Message, Receive, Scope, Send, run_lifespan
from coatcheck.model.access import require_access
from coatcheck.model.principal import Principal
from coatcheck.problems import unstored_problem
from coatcheck.verify.entrance import Entrance
from coatcheck.verify.verifier import Verifier

Guard: TypeAlias = Callable[[Any], Awaitable[Principal]]
"""What ``require`` makes: ask it with a request, a WebSocket or a scope."""

KEY: Final = "coatcheck.verify"
"""Where in a scope the entrance is."""

_DENIAL: Final = "websocket.http.response"
_POLICY_VIOLATION: Final = 1008


class VerifierMiddleware:
    """Lets every request and WebSocket to ``app`` be asked who it is from; routes ask with ``current``.

    Nothing is refused here. An AuthError that leaves the application is answered with problem details (RFC 9457), as
    the server's own. ``verifier`` starts and closes with the application's lifespan; where there is none, it starts
    with the first check. ``origins`` let cookies count: see ``coatcheck.verify.entrance``.
    """

    def __init__(self, app: Application, verifier: Verifier, *, origins: Sequence[str] = ()) -> None:
        self._app = app
        self._entrance = Entrance(verifier, origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan":
            await run_lifespan(self._app, self._start, self._stop, scope, receive, send)
            return
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        scope[KEY] = self._entrance
        sent = ""

        async def watched(message: Message) -> None:
            nonlocal sent
            sent = message["type"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Misconfigured:
            raise
        except AuthError as error:
            if sent and (scope["type"] == "http" or sent == "websocket.close"):
                raise
            await answer(error, scope, send, is_open=bool(sent))

    async def _start(self) -> None:
        self._entrance.verifier.start()

    async def _stop(self) -> None:
        await to_thread(self._entrance.verifier.close)


async def answer(error: AuthError, scope: Scope, send: Send, *, is_open: bool = False) -> None:
    """Send what ``error`` stands for; nothing has been answered yet, unless it is a WebSocket that ``is_open``.

    A WebSocket is turned away with the same where the server can do that, and else closed with 1008.
    """
    kind = "http.response" if scope["type"] == "http" else _DENIAL
    if kind is _DENIAL and (is_open or _DENIAL not in (scope.get("extensions") or {})):
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": error.code})
        return
    said = unstored_problem(error)
    headers = [*said.headers, (b"content-length", b"%d" % len(said.body))]
    await send({"type": f"{kind}.start", "status": said.status, "headers": headers})
    await send({"type": f"{kind}.body", "body": said.body})


async def current(connection: Any) -> Principal:
    """Return who is asking, decided now. ``connection`` is a request, a WebSocket or an ASGI scope.

    Raises the CredentialRefused that fits (TokenMissing when there is none), OriginRefused for another site's request
    with a cookie, CheckingStale or StoreUnavailable when nothing can be decided now.
    """
    scope, entrance = _entered(connection)
    presented = entrance.presented(
        scope["headers"], scope.get("method", "GET"), is_upgrade=scope["type"] == "websocket"
    )
    return await entrance.verifier.check_async(presented.token, carried_by=presented.carried_by)


async def optional(connection: Any) -> Principal | None:
    """Return who is asking, or None when nobody is, or not with a credential that counts.

    Raises CheckingStale or StoreUnavailable: whoever is logged in must not be taken for a stranger.
    """
    try:
        return await current(connection)
    except Refused:
        return None


def require(*, role: str | None = None, scope: str | None = None, fresh_within: timedelta | None = None) -> Guard:
    """Make a guard that lets a caller through only with ``role``, with ``scope``, and with a password proven no longer
    than ``fresh_within`` ago. It raises what ``current`` raises, AccessDenied and ReauthenticationNeeded."""

    async def guard(connection: Any) -> Principal:
        who = await current(connection)
        clock = _entered(connection)[1].verifier.clock
        require_access(who, role=role, scope=scope, fresh_within=fresh_within, now=lambda: now_of(clock))
        return who

    return guard


def _entered(connection: Any) -> tuple[Scope, Entrance]:
    scope: Scope = getattr(connection, "scope", connection)
    entrance = scope.get(KEY)
    if entrance is None:
        raise Misconfigured("VerifierMiddleware is not installed: nobody has looked at this request")
    return scope, entrance
