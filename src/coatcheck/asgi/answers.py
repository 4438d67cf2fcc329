"""What a refused or broken request is answered, when an AuthError leaves the application."""

from typing import Any
from urllib.parse import quote

from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Host, Mount
from starlette.types import Scope, Send

from coatcheck.carriers.raw import values_of
from coatcheck.errors import AuthError, Broken, CredentialRefused, Misconfigured, ReauthenticationNeeded
from coatcheck.problems import NOT_STORED, Answer, unstored_problem

_DENIAL = "websocket.http.response"
_POLICY_VIOLATION = 1008  # RFC 6455 §7.4.1
_TRY_AGAIN_LATER = 1013  # in IANA's registry of close codes
_OPEN_AFTER = ("websocket.accept", "websocket.send")


class Answers:
    """How errors are answered. ``pages`` is where the HTML pages are mounted, or None without them.

    With pages, a browser that goes to an address which needs a login, or a fresh one, is sent there and comes back.
    Everything else gets problem details (RFC 9457).
    """

    def __init__(self, pages: str | None) -> None:
        self._pages = pages

    def answer(self, error: AuthError, scope: Scope) -> Answer:
        """The answer to the request in ``scope`` that ended in ``error``."""
        place = self._login_place(error, scope)
        if place is not None:
            return Answer(303, ((b"location", place), NOT_STORED, (b"vary", b"Accept")), b"")
        return unstored_problem(error)

    async def send(self, error: AuthError, scope: Scope, send: Send) -> None:
        """Send the answer; the application has begun none. A WebSocket is turned away with the same, where the server
        can do that, and else closed before it was open, which clients see as 403."""
        kind = "http.response" if scope["type"] == "http" else _DENIAL
        if kind is _DENIAL and _DENIAL not in (scope.get("extensions") or {}):
            await self.close(error, send)
            return
        answer = self.answer(error, scope)
        headers = [*answer.headers, (b"content-length", b"%d" % len(answer.body))]
        await send({"type": f"{kind}.start", "status": answer.status, "headers": headers})
        await send({"type": f"{kind}.body", "body": answer.body})

    async def close(self, error: AuthError, send: Send) -> None:
        """Close a WebSocket, and say by the code whether there is any use in coming again, by the reason why."""
        await send({"type": "websocket.close", "code": close_code(error), "reason": error.code})

    async def turn_away(self, error: AuthError, scope: Scope, send: Send, *, after: str) -> None:
        """Turn the client of a WebSocket away; ``after`` is the type of the last message, empty when nothing was
        sent."""
        if not after:
            await self.send(error, scope, send)
        elif after in _OPEN_AFTER:
            await self.close(error, send)

    async def handle(self, request: Request, error: Exception) -> Response:
        """The same as Starlette's exception handler: inside of the host's other middleware (CORS, logging), which so
        sees an ordinary answer. WebSockets, and what is the developer's to mend, go on to the middleware."""
        if not isinstance(error, AuthError) or isinstance(error, Misconfigured) or request.scope["type"] != "http":
            raise error
        answer = self.answer(error, request.scope)
        response = Response(answer.body, answer.status)
        response.raw_headers.extend(answer.headers)
        return response

    def _login_place(self, error: AuthError, scope: Scope) -> bytes | None:
        if self._pages is None or not isinstance(error, CredentialRefused) or not _is_navigation(scope):
            return None
        page = "reauthenticate" if isinstance(error, ReauthenticationNeeded) else "login"
        target = quote(scope["path"], safe="/:@!$&'()*+,;=~-._")
        query = scope.get("query_string", b"")
        if query:
            target = f"{target}?{query.decode('latin-1')}"
        return f"{self._pages}/{page}?return_to={quote(target, safe='/')}".encode("ascii")


def close_code(error: AuthError) -> int:
    """The code that a WebSocket is closed with."""
    return _TRY_AGAIN_LATER if isinstance(error, Broken) else _POLICY_VIOLATION


def _is_navigation(scope: Scope) -> bool:
    """True for a browser that wants a page to show: a GET that accepts HTML and carries no token of its own."""
    if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
        return False
    headers = scope["headers"]
    accepted = b",".join(values_of(headers, b"accept"))
    return b"text/html" in accepted and not values_of(headers, b"authorization")


def teach(app: Any, answers: Answers) -> None:
    """Let every Starlette application in and under ``app`` answer an AuthError as ``answers`` do.

    Without a handler of its own it would turn one into a 500 before anybody outside hears of it. To be told before its
    first request.
    """
    waiting: list[Any] = []
    while app is not None:
        handlers = getattr(app, "exception_handlers", None)
        if isinstance(app, ExceptionMiddleware):
            handlers = app._exception_handlers
        if isinstance(handlers, dict):
            handlers.setdefault(AuthError, answers.handle)
        waiting += getattr(app, "routes", None) or ()
        app = getattr(app, "app", None)
    for route in waiting:
        if isinstance(route, Mount | Host):
            teach(route.app, answers)
