"""A Verifier asked from FastAPI, from any ASGI application and from WSGI: the same answers as the server's own."""

import io
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import Depends, FastAPI, WebSocket
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from coatcheck import Principal
from coatcheck.errors import Misconfigured, TokenMissing
from coatcheck.model.session import Carry
from coatcheck.testing import login_as
from coatcheck.verify import Verifier, asgi, wsgi
from coatcheck.verify.fastapi import current, install, optional, require
from tests.verify.site import Held, Site, trusting

PAGE = "https://app.example.com"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with trusting(audiences=("orders", "issuer")) as running:
        yield running


def bearer(held: Held) -> dict[str, str]:
    return {"authorization": f"Bearer {held.token}"}


def fastapi_app(verifier: Verifier, **how: Any) -> FastAPI:
    app = FastAPI()
    install(app, verifier, **how)

    @app.get("/orders")
    async def orders(who: Principal = Depends(current)) -> dict[str, str | None]:
        return {"of": who.user_id}

    @app.post("/orders")
    async def order(who: Principal = Depends(current)) -> dict[str, str | None]:
        return {"of": who.user_id}

    @app.get("/front")
    async def front(who: Principal | None = Depends(optional)) -> dict[str, str | None]:
        return {"of": None if who is None else who.user_id}

    clerk, scoped = require(role="clerk"), require(scope="orders:write")

    @app.delete("/orders")
    async def delete(who: Principal = Depends(clerk)) -> dict[str, str | None]:
        return {"of": who.user_id}

    @app.put("/orders")
    async def put(who: Principal = Depends(scoped)) -> dict[str, str | None]:
        return {"of": who.user_id}

    @app.websocket("/live")
    async def live(socket: WebSocket, who: Principal = Depends(current)) -> None:
        await socket.accept()
        async for _ in socket.iter_text():
            await current(socket)
            await socket.send_text(who.user_id or "")

    return app


def test_fastapi_lets_in_whom_the_server_knows_and_answers_the_others_with_problem_details(site: Site) -> None:
    verifier = site.verifier()
    with TestClient(fastapi_app(verifier)) as client:
        held, clerk = site.log_in(), site.log_in("clerk@example.com", roles=["clerk"])
        assert client.get("/orders", headers=bearer(held)).json() == {"of": held.user_id}
        assert client.get("/front").json() == {"of": None}
        assert client.get("/front", headers=bearer(held)).json() == {"of": held.user_id}
        assert client.delete("/orders", headers=bearer(clerk)).json() == {"of": clerk.user_id}
        refused = client.delete("/orders", headers=bearer(held))
        assert (refused.status_code, refused.json()["code"]) == (403, "access.denied")
        assert client.put("/orders", headers=bearer(clerk)).status_code == 403
        missing = client.get("/orders")
        assert missing.headers["content-type"] == "application/problem+json"
        assert (missing.status_code, missing.json()["code"], missing.headers["www-authenticate"]) == (
            401,
            "token.missing",
            "Bearer",
        )
        site.end(held)
        ended = client.get("/orders", headers=bearer(held))
        assert (ended.json()["code"], ended.headers["cache-control"]) == ("session.ended", "no-store")
        assert client.get("/front", headers=bearer(held)).json() == {"of": None}
        assert client.get("/openapi.json").json()["paths"]["/orders"]["get"]["security"] == [{"coatcheck": []}]
    with pytest.raises(Misconfigured):
        verifier.check(held.token)


def test_a_websocket_is_turned_away_and_closed_when_its_login_ends(site: Site) -> None:
    with TestClient(fastapi_app(site.verifier())) as client:
        held = site.log_in()
        with pytest.raises(WebSocketDisconnect), client.websocket_connect("/live"):
            pass
        with client.websocket_connect("/live", headers=bearer(held)) as socket:
            socket.send_text("?")
            assert socket.receive_text() == held.user_id
            site.end(held)
            socket.send_text("?")
            with pytest.raises(WebSocketDisconnect) as closed:
                socket.receive_text()
        assert (closed.value.code, closed.value.reason) == (1008, "session.ended")


def test_cookies_count_only_where_origins_are_named_and_unsafe_requests_must_come_from_them(site: Site) -> None:
    login = site.server.run(login_as(site.auth, carry=Carry.JWT_COOKIE, audience="orders"))
    cookie = {"cookie": login.headers["cookie"]}
    with TestClient(fastapi_app(site.verifier())) as client:
        assert client.get("/orders", headers=cookie).json()["code"] == "token.missing"
    with TestClient(fastapi_app(site.verifier(), origins=[PAGE])) as client:
        assert client.get("/orders", headers=cookie).json() == {"of": login.user.id}
        assert client.post("/orders", headers=cookie).json()["code"] == "origin.refused"
        assert client.post("/orders", headers={**cookie, "origin": "https://evil.example"}).status_code == 403
        assert client.post("/orders", headers={**cookie, "origin": PAGE}).status_code == 200
        with pytest.raises(WebSocketDisconnect), client.websocket_connect("/live", headers=cookie):
            pass


def test_an_origin_that_is_none_is_said_at_construction(site: Site) -> None:
    with pytest.raises(Misconfigured):
        asgi.VerifierMiddleware(lambda *_: None, site.verifier(), origins=["https://app.example.com/"])  # type: ignore[arg-type, return-value]


def test_any_asgi_application_is_answered_for(site: Site) -> None:
    editors = asgi.require(role="clerk")

    async def app(scope: Any, _: Any, send: Any) -> None:
        who = await (editors(scope) if scope["path"] == "/clerks" else asgi.current(scope))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": (who.user_id or "").encode()})

    client = TestClient(asgi.VerifierMiddleware(app, site.verifier()))  # type: ignore[arg-type]
    held = site.log_in()
    assert client.get("/", headers=bearer(held)).text == held.user_id
    assert client.get("/").json()["code"] == "token.missing"
    assert client.get("/clerks", headers=bearer(held)).json()["code"] == "access.denied"


@pytest.mark.anyio
async def test_without_the_middleware_the_developer_is_told() -> None:
    with pytest.raises(Misconfigured):
        await asgi.current({"type": "http", "headers": []})
    with pytest.raises(Misconfigured):
        wsgi.current({})


def test_wsgi_lets_in_whom_the_server_knows_and_answers_the_others(site: Site) -> None:
    clerks = wsgi.require(role="clerk")

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        if environ["PATH_INFO"] == "/front":
            who = wsgi.optional(environ)
        else:
            who = clerks(environ) if environ["PATH_INFO"] == "/clerks" else wsgi.current(environ)
        start_response("200 OK", [])
        return [b"a stranger" if who is None else (who.user_id or "").encode()]

    served = wsgi.VerifierMiddleware(app, site.verifier())
    held = site.log_in()

    def call(path: str, **environ: str) -> tuple[str, dict[str, str], bytes]:
        answered: list[Any] = []
        given = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "wsgi.input": io.BytesIO(), **environ}
        body = b"".join(served(given, lambda status, headers: answered.extend([status, dict(headers)])))
        return answered[0], answered[1], body

    token = f"Bearer {held.token}"
    assert call("/", HTTP_AUTHORIZATION=token) == ("200 OK", {}, held.user_id.encode())
    assert call("/front") == ("200 OK", {}, b"a stranger")
    status, headers, body = call("/")
    assert status == "401 Unauthorized"
    assert headers["Www-Authenticate"] == "Bearer"
    assert headers["Content-Length"] == str(len(body))
    assert b'"token.missing"' in body
    assert call("/clerks", HTTP_AUTHORIZATION=token)[0] == "403 Forbidden"
    assert call("/", HTTP_AUTHORIZATION=f"{token},{token}")[0] == "401 Unauthorized"
    site.end(held)
    assert b'"session.ended"' in call("/", HTTP_AUTHORIZATION=token)[2]
    assert wsgi.answer(TokenMissing())[1] == 401
