"""A host application in this process: Starlette with the middleware, https, a memory store, a clock that stands still.

async with hosting() as host:
    ann = host.client(await host.log_in("ann@example.com"))
    await ann.get("/me")
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx2
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from coatcheck.asgi import AuthMiddleware, current, optional, require
from coatcheck.auth import Auth
from coatcheck.settings import SessionSettings, Settings
from coatcheck.stores.port import Store
from coatcheck.testing import ManualClock, TestLogin, fast_passwords, login_as

URL = "https://app.example.com"
COOKIE = "__Host-coatcheck"
SECRET = "a secret of this test, longer than thirty-two characters"

editors_only = require(role="editor")
scoped = require(scope="orders:write")
lately = require(role="editor", fresh_within=timedelta(minutes=5))


async def me(request: Request) -> Response:
    """Who is asking, after the whole body has come."""
    await request.body()
    who = await current(request)
    return JSONResponse({"user": who.user_id, "carried_by": who.carried_by, "roles": sorted(who.roles)})


async def front(request: Request) -> Response:
    """For everybody."""
    who = await optional(request)
    return PlainTextResponse("a stranger" if who is None else str(who.user_id))


async def public(request: Request) -> Response:
    """Does not care."""
    return PlainTextResponse("for all")


async def edit(request: Request) -> Response:
    """For editors."""
    return PlainTextResponse(str((await editors_only(request)).user_id))


async def write(request: Request) -> Response:
    """For whoever has the scope."""
    return PlainTextResponse(str((await scoped(request)).user_id))


async def sign(request: Request) -> Response:
    """For editors who proved their password lately."""
    return PlainTextResponse(str((await lately(request)).user_id))


async def cached(request: Request) -> Response:
    """For any cache on the way to keep."""
    await optional(request)
    return PlainTextResponse("same for all", headers={"cache-control": "public, max-age=60"})


async def own_cookie(request: Request) -> Response:
    """Sets the session cookie itself."""
    await current(request)
    return PlainTextResponse("", headers={"set-cookie": f"{COOKIE}=of-the-host; Path=/; Secure; HttpOnly"})


async def late(request: Request) -> Response:
    """Asks who is there when half of the answer has been sent."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"half"
        await current(request)

    return StreamingResponse(pieces())


ROUTES = [
    Route("/me", me, methods=["GET", "POST"]),
    Route("/front", front, methods=["GET", "POST"]),
    Route("/public", public, methods=["GET", "POST"]),
    Route("/edit", edit),
    Route("/write", write),
    Route("/sign", sign),
    Route("/cached", cached),
    Route("/own-cookie", own_cookie),
    Route("/late", late),
]


@dataclass
class Host:
    """A running host application, and clients for it."""

    auth: Auth
    clock: ManualClock
    app: Any
    clients: list[httpx2.AsyncClient] = field(default_factory=list)

    async def log_in(self, who: str = "ann@example.com", **how: Any) -> TestLogin:
        """A login, without typing a password."""
        return await login_as(self.auth, who, **how)

    def client(self, login: TestLogin | None = None, **headers: str) -> httpx2.AsyncClient:
        """A client that sends what ``login`` says, and ``headers``."""
        sent = {**(login.headers if login else {}), **headers}
        made = httpx2.AsyncClient(transport=httpx2.ASGITransport(self.app), base_url=URL, headers=sent)
        self.clients.append(made)
        return made


@asynccontextmanager
async def hosting(
    app: Any = None, *, store: Store | None = None, pages: str | None = None, **settings: Any
) -> AsyncIterator[Host]:
    """Run ``app``, or the sample application, with the middleware around it; ``settings`` are fields of Settings."""
    clock = ManualClock()
    chosen = {
        "database": "memory:",
        "url": URL,
        "secrets": (SECRET,),
        "passwords": fast_passwords(),
        "sessions": SessionSettings(renew_after=timedelta(hours=1)),
        **settings,
    }
    auth = Auth(Settings(**chosen), store=store, clock=clock, name="this test")
    if app is None:
        served: Any = Starlette(routes=ROUTES, middleware=[Middleware(AuthMiddleware, auth=auth, pages=pages)])
    else:
        served = AuthMiddleware(app, auth, pages=pages)
    host = Host(auth, clock, served)
    try:
        async with auth:
            yield host
    finally:
        for client in host.clients:
            await client.aclose()
