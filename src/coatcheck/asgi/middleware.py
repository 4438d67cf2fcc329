"""The middleware: lets each connection be asked who it is from, and answers the errors that come back."""

from starlette.types import ASGIApp, Receive, Scope, Send

from coatcheck.asgi.additions import Exit
from coatcheck.asgi.answers import Answers, teach
from coatcheck.asgi.entrance import KEY, Entrance
from coatcheck.asgi.lifespan import run_lifespan
from coatcheck.auth import Auth
from coatcheck.errors import AuthError, Misconfigured


class AuthMiddleware:
    """Lets every request and WebSocket to ``app`` be asked who it is from; routes ask with ``current``.

    Nothing is refused here: a request without credential, or with a bad one, reaches the application, and whoever asks
    ``current`` gets the refusal. An AuthError that leaves the application becomes the answer that it stands for. With
    ``pages``, the path of the HTML pages, a browser that has to log in is sent there instead.

    ``auth`` is started and stopped with the application's lifespan; where there is none, it is started when somebody
    asks for the first time. Raises Misconfigured when an origin in the settings is none.
    """

    def __init__(self, app: ASGIApp, auth: Auth, *, pages: str | None = None) -> None:
        self._app = app
        self._auth = auth
        self._entrance = Entrance(auth)
        self._answers = Answers(pages)
        self._has_taught = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        kind = scope["type"]
        if not self._has_taught:
            self._has_taught = True
            teach(self._app, self._answers)
        if kind == "lifespan":
            await run_lifespan(self._app, self._auth, scope, receive, send)
            return
        if kind != "http" and kind != "websocket":
            await self._app(scope, receive, send)
            return
        scope[KEY] = self._entrance
        out = Exit(scope, send)
        try:
            await self._app(scope, receive, out.send)
        except Misconfigured:
            raise
        except AuthError as error:
            if not out.sent:
                await self._answers.send(error, scope, out.send)
            elif kind == "websocket" and out.sent != "websocket.close":
                await self._answers.close(error, out.send)
            else:
                raise
