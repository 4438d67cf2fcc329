"""For FastAPI applications: ``install``, and the dependencies ``current``, ``optional`` and ``require``.

    install(app, verifier)

    @app.get("/orders")
    async def orders(who: Principal = Depends(current)): ...

As in ``coatcheck.fastapi``, with a Verifier in the place of Auth.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.security import HTTPBearer
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection

from coatcheck.errors import AuthError, Misconfigured
from coatcheck.model.principal import Principal
from coatcheck.problems import unstored_problem
from coatcheck.verify import asgi
from coatcheck.verify.verifier import Verifier

_BEARER: Final = HTTPBearer(bearerFormat="JWT", description="An access token of the authentication server.")


def install(app: FastAPI, verifier: Verifier, *, origins: Sequence[str] = ()) -> None:
    """Give ``app`` the middleware. ``verifier`` starts before the application and closes after it.

    An AuthError that leaves a route is answered with problem details (RFC 9457), unless the application has a handler
    for it. Call it before other middleware is added. ``origins`` let cookies count: see ``coatcheck.verify.entrance``.
    Raises Misconfigured for an origin that is none.
    """
    app.add_middleware(asgi.VerifierMiddleware, verifier=verifier, origins=origins)
    app.exception_handlers.setdefault(AuthError, _handle)


async def _handle(request: Request, error: Exception) -> Response:
    """Starlette's exception handler: inside of other middleware, which so sees an ordinary answer."""
    if not isinstance(error, AuthError) or isinstance(error, Misconfigured) or request.scope["type"] != "http":
        raise error
    said = unstored_problem(error)
    response = Response(said.body, said.status)
    response.raw_headers.extend(said.headers)
    return response


class Guard(SecurityBase):
    """Lets a caller in and says who it is, or raises."""

    def __init__(self, ask: asgi.Guard) -> None:
        self.model = _BEARER.model
        self.scheme_name = "coatcheck"
        self._ask = ask

    async def __call__(self, request: HTTPConnection) -> Principal:
        """Ask about this request or WebSocket."""
        return await self._ask(request)


async def optional(request: HTTPConnection) -> Principal | None:
    """Who is asking; None when nobody is, or not with a credential that counts. Raises CheckingStale,
    StoreUnavailable."""
    return await asgi.optional(request)


current: Final = Guard(asgi.current)
"""Who is asking. Raises the CredentialRefused that fits, OriginRefused, CheckingStale, StoreUnavailable."""


def require(*, role: str | None = None, scope: str | None = None, fresh_within: timedelta | None = None) -> Guard:
    """Make a guard that lets a caller through only with ``role``, with ``scope``, and with a password proven no longer
    than ``fresh_within`` ago. It raises what ``current`` raises, AccessDenied and ReauthenticationNeeded."""
    return Guard(asgi.require(role=role, scope=scope, fresh_within=fresh_within))
