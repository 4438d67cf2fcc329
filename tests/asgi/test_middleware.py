"""What the middleware does around an application: the origin rule, errors as answers, starting by itself."""

import gc
import weakref
from datetime import timedelta

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from coatcheck.asgi import AuthMiddleware, current
from coatcheck.auth import Auth
from coatcheck.errors import AuthError, StoreUnavailable, TokenMissing
from coatcheck.model.session import Carry
from coatcheck.settings import Settings, WebSettings
from coatcheck.testing import fast_passwords, login_as
from tests.host import COOKIE, ROUTES, URL, hosting

pytestmark = pytest.mark.anyio


async def test_a_cookie_counts_in_an_unsafe_request_only_from_our_own_pages():
    async with hosting() as host:
        login = await host.log_in()
        cookie = login.headers["cookie"]
        for headers, status in (
            ({"origin": URL}, 200),
            ({"sec-fetch-site": "same-origin"}, 200),
            ({"origin": "https://evil.example"}, 403),
            ({"origin": "null"}, 403),
            ({"sec-fetch-site": "cross-site", "origin": "https://evil.example"}, 403),
            ({"sec-fetch-site": "same-site"}, 403),
            ({}, 403),
        ):
            answer = await host.client(cookie=cookie, **headers).post("/me")
            assert answer.status_code == status, headers
            assert (await host.client(cookie=cookie, **headers).get("/me")).status_code == 200


async def test_another_sites_request_still_reaches_a_public_route_as_a_strangers():
    async with hosting() as host:
        foreign = {"cookie": (await host.log_in()).headers["cookie"], "origin": "https://evil.example"}
        assert (await host.client(**foreign).post("/public")).text == "for all"
        assert (await host.client(**foreign).post("/front")).text == "a stranger"


async def test_an_allowed_origin_may_post():

    async with hosting(web=WebSettings(allowed_origins=("https://admin.example.com",))) as host:
        login = await host.log_in()
        answer = await host.client(login, origin="https://admin.example.com").post("/me")
        assert answer.status_code == 200


async def test_a_bearer_token_needs_no_origin():
    async with hosting() as host:
        login = await host.log_in(carry=Carry.HEADER)
        assert (await host.client(login, origin="https://evil.example").post("/me")).status_code == 200


async def test_a_store_that_is_away_is_503_for_who_must_be_known_and_nothing_to_a_public_route(monkeypatch):

    async with hosting() as host:
        login = await host.log_in()

        async def away(*_):
            raise StoreUnavailable

        monkeypatch.setattr(host.auth, "recall", away)
        client = host.client(login)
        assert (await client.get("/public")).status_code == 200
        for path in ("/me", "/front"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (503, "store.unavailable")
            assert answer.headers["retry-after"] == "1"


async def test_an_error_after_the_answer_began_is_not_answered_a_second_time():
    async def late(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await current(scope)

    async with hosting(late) as host:
        with pytest.raises(TokenMissing):
            await host.client().get("/")
    async with hosting() as host:
        with pytest.raises(RuntimeError, match="already started"):
            await host.client().get("/late")


async def test_a_handler_of_the_applications_own_comes_first():
    auth = Auth(Settings(database="memory:", passwords=fast_passwords()))

    async def teapot(request, error):
        return PlainTextResponse(error.code, status_code=418)

    app = Starlette(
        routes=ROUTES, middleware=[Middleware(AuthMiddleware, auth=auth)], exception_handlers={AuthError: teapot}
    )
    async with auth, httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=URL) as client:
        answer = await client.get("/me")
        assert (answer.status_code, answer.text) == (418, "token.missing")


async def test_a_refusal_in_the_applications_own_middleware_is_answered_too():
    async def gate(request, call_next):
        await current(request)
        return await call_next(request)

    auth = Auth(Settings(database="memory:", passwords=fast_passwords()))
    app = Starlette(
        routes=ROUTES,
        middleware=[Middleware(AuthMiddleware, auth=auth), Middleware(BaseHTTPMiddleware, dispatch=gate)],
    )
    async with auth, httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=URL) as client:
        assert (await client.get("/public")).json()["code"] == "token.missing"


async def test_a_browser_that_must_log_in_is_sent_there_and_told_where_to_come_back_to():
    async with hosting(pages="/auth") as host:
        browser = host.client(accept="text/html,application/xhtml+xml")
        answer = await browser.get("/me?tab=orders&x=1")
        assert answer.status_code == 303
        assert answer.headers["location"] == "/auth/login?return_to=/me%3Ftab%3Dorders%26x%3D1"
        assert "Accept" in answer.headers["vary"]
        assert (await browser.post("/me")).status_code == 401
        assert (await host.client(accept="application/json").get("/me")).status_code == 401
        assert (await browser.get("/me", headers={"authorization": "Bearer no"})).status_code == 401


async def test_a_browser_that_must_prove_the_password_is_sent_there():

    async with hosting(pages="/auth") as host:
        browser = host.client(await host.log_in(roles=["editor"]), accept="text/html")
        host.clock.advance(timedelta(minutes=6))
        answer = await browser.get("/sign")
        assert answer.headers["location"] == "/auth/reauthenticate?return_to=/sign"


async def test_without_a_lifespan_whoever_asks_first_starts_it(tmp_path):
    auth = Auth(Settings(database=f"sqlite:///{tmp_path}/app.db", passwords=fast_passwords()))
    app = AuthMiddleware(Starlette(routes=ROUTES), auth)
    async with auth:
        login = await login_as(auth)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=URL) as client:
        assert (await client.get("/me")).status_code == 401
        assert not auth.is_started
        assert (await client.get("/me", headers=login.headers)).status_code == 200
        assert auth.is_started
    await auth.stop()


async def test_it_follows_when_auth_is_stopped_and_started_anew(tmp_path):
    auth = Auth(Settings(database=f"sqlite:///{tmp_path}/app.db", passwords=fast_passwords()))
    app = AuthMiddleware(Starlette(routes=ROUTES), auth)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=URL) as client:
        async with auth:
            login = await login_as(auth)
            assert (await client.get("/me", headers=login.headers)).status_code == 200
        for _ in range(3):
            assert (await client.get("/me", headers=login.headers)).status_code == 200
        await auth.stop()


async def test_nothing_that_is_left_in_the_scope_shows_the_token():
    shown = []

    async def show(request):
        await current(request)
        shown.append("".join(repr(value) for name, value in request.scope.items() if name != "headers"))
        return PlainTextResponse("")

    async with hosting(Starlette(routes=[Route("/", show)])) as host:
        login = await host.log_in()
        await host.client(login).get("/")
        token = login.headers["cookie"].removeprefix(f"{COOKIE}=")
        assert shown
        assert token not in shown[0]


async def test_a_request_leaves_nothing_to_the_garbage_collector():
    """A server's own ``send`` knows the scope, and what lies in the scope knows ``send``."""

    class Exchange:
        def __init__(self, headers):
            self.scope = {"type": "http", "method": "GET", "path": "/me", "query_string": b"", "headers": headers}

        async def send(self, message):
            pass

        async def receive(self):
            return {"type": "http.request", "body": b"", "more_body": False}

    async with hosting() as host:
        login = await host.log_in()
        headers = [(name.encode(), value.encode()) for name, value in login.headers.items()]
        gc.disable()
        try:
            exchange = Exchange(headers)
            await host.app(exchange.scope, exchange.receive, exchange.send)
            left = weakref.ref(exchange)
            del exchange
            assert left() is None
        finally:
            gc.enable()
