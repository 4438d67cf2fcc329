"""The middleware: lets each connection be asked who it is from, and answers the errors that come back."""

from asyncio import CancelledError

from starlette.types import ASGIApp, Receive, Scope, Send

from coatcheck.asgi.answers import Answers, teach
from coatcheck.asgi.entrance import Entrance
from coatcheck.asgi.gone import comes_of_going, is_evicted
from coatcheck.asgi.passage import KEY, Passage
from coatcheck.asgi.websocket import LiveSocket
from coatcheck.auth import Auth
from coatcheck.errors import AuthError, Misconfigured
from coatcheck.lifespan import run_lifespan


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
        if kind != "http":
            await self._serve_other(kind, scope, receive, send)
            return
        passage = scope[KEY] = Passage(self._entrance, send)
        try:
            await self._app(scope, receive, passage.send)
        except Misconfigured:
            raise
        except CancelledError:
            if passage.looked_after is None or not is_evicted(passage.looked_after.eviction):
                raise
        except Exception as error:
            if passage.was_cut_off and comes_of_going(error):
                return
            if passage.has_begun or not isinstance(error, AuthError):
                raise
            await self._answers.send(error, scope, passage.send)
        finally:
            passage.leave()

    async def _serve_other(self, kind: str, scope: Scope, receive: Receive, send: Send) -> None:
        if kind == "websocket":
            await self._converse(scope, receive, send)
        elif kind == "lifespan":
            await run_lifespan(self._app, self._auth.start, self._auth.stop, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _converse(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = scope[KEY] = LiveSocket(self._entrance, self._answers, scope, receive, send)
        try:
            await self._app(scope, socket.receive, socket.send)
        except Misconfigured:
            raise
        except CancelledError:
            if not is_evicted(socket.eviction):
                raise
        except Exception as error:
            if socket.ended_by is not None and comes_of_going(error):
                return
            if not socket.may_be_turned_away or not isinstance(error, AuthError):
                raise
            await socket.end(error)
        finally:
            socket.leave()
