"""The middleware: looks at each request's credential once, and leaves what it found in the scope."""

from starlette.types import ASGIApp, Receive, Scope, Send

from coatcheck.asgi.answers import Answers, Watched, teach
from coatcheck.asgi.arrival import KEY, Arrival
from coatcheck.asgi.lifespan import run_lifespan
from coatcheck.asgi.renewal import clearing, renewing
from coatcheck.auth import Auth
from coatcheck.carriers.cookies import CookieNames
from coatcheck.carriers.origin import OriginRule
from coatcheck.carriers.presented import NotPresented, Presented, present
from coatcheck.checking.cache import Remembered
from coatcheck.checking.checker import Checker
from coatcheck.errors import AuthError, Misconfigured, Refused


class AuthMiddleware:
    """Checks the credential of every request and WebSocket to ``app``; routes ask for the outcome with ``current``.

    Nothing is refused here: a request without credential, or with a bad one, reaches the application, and whoever asks
    ``current`` gets the refusal. An AuthError that leaves the application becomes the answer that it stands for. With
    ``pages``, the path of the HTML pages, a browser that has to log in is sent there instead.

    ``auth`` is started and stopped with the application's lifespan, or with the first request where there is none.
    Raises Misconfigured when an origin in the settings is none.
    """

    def __init__(self, app: ASGIApp, auth: Auth, *, pages: str | None = None) -> None:
        settings = auth.settings
        self._app = app
        self._auth = auth
        self._checker: Checker | None = None
        self._names = CookieNames.of(is_local=settings.is_local, port=settings.port, path=settings.web.path)
        self._origins = OriginRule((settings.origin, *settings.web.allowed_origins))
        self._answers = Answers(pages)
        self._answers_inside = teach(app, self._answers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        kind = scope["type"]
        if kind == "lifespan":
            self._answers_inside = teach(self._app, self._answers)
            await run_lifespan(self._app, self._auth, scope, receive, send)
            return
        if kind != "http" and kind != "websocket":
            await self._app(scope, receive, send)
            return
        watched = None
        if kind == "websocket" or not self._answers_inside:
            send = watched = Watched(send)
        try:
            arrival = scope[KEY] = self._look(scope, self._checker or await self._start())
            if arrival.remembered is None:
                send = self._adding(arrival, send)
            await self._app(scope, receive, send)
        except Misconfigured:
            raise
        except AuthError as error:
            if watched is None or not watched.sent:
                await self._answers.send(error, scope, send)
            elif kind == "websocket" and watched.sent != "websocket.close":
                await self._answers.close(error, send)
            else:
                raise

    def _look(self, scope: Scope, checker: Checker) -> Arrival:
        """Decide about the request's credential, as far as memory can."""
        headers = scope["headers"]
        presented = present(headers, self._names)
        if not isinstance(presented, Presented):
            return Arrival(self._auth, checker, presented, None, presented.error)
        state = checker.replica.state
        try:
            if presented.cookie is not None and scope.get("method") != "GET":
                self._require_own_page(scope)
            decided = checker.check(presented.token, presented.carried_by)
        except Refused as refusal:
            return Arrival(self._auth, checker, presented, None, refusal)
        remembered = decided if isinstance(decided, Remembered) else None
        return Arrival(self._auth, checker, presented, remembered, None, state)

    def _require_own_page(self, scope: Scope) -> None:
        if scope["type"] == "websocket":
            self._origins.require_for_upgrade(scope["headers"])
        else:
            self._origins.require(scope["method"], scope["headers"])

    def _adding(self, arrival: Arrival, send: Send) -> Send:
        """What to send with where the answer may have to say something about a cookie."""
        presented = arrival.presented
        if isinstance(presented, NotPresented):
            return clearing(send, presented.clear) if presented.clear else send
        if arrival.refusal is not None:
            return send
        self._checker = None  # asked for anew with the next request, should Auth have been started anew
        cookie = self._names.session
        return renewing(send, arrival, cookie) if presented.cookie is cookie else send

    async def _start(self) -> Checker:
        if not self._auth.is_started:
            self._answers_inside = teach(self._app, self._answers)
            await self._auth.start()
        self._checker = self._auth.checker
        return self._checker
