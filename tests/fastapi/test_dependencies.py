"""Who is asking, as FastAPI dependencies and as plain calls."""

from datetime import timedelta

import pytest
from fastapi import Depends, FastAPI, Request, WebSocket
from fastapi.responses import PlainTextResponse
from fastapi.testclient import TestClient

from coatcheck import Auth, Principal, Settings
from coatcheck.errors import AuthError
from coatcheck.fastapi import current, install, optional, require
from coatcheck.testing import ManualClock, fast_passwords, log_in


def build(auth):
    app = FastAPI()
    install(app, auth)

    @app.get("/depends")
    async def depends(who: Principal = Depends(current)):
        return {"user": who.user_id}

    @app.get("/awaits")
    async def awaits(request: Request):
        return {"user": (await current(request)).user_id}

    @app.get("/sync")
    def in_a_thread(who: Principal = Depends(current)):
        return {"user": who.user_id}

    @app.get("/optional")
    async def maybe(who: Principal | None = Depends(optional)):
        return {"user": who and who.user_id}

    @app.get("/editors")
    async def editors(who: Principal = Depends(require(role="editor", fresh_within=timedelta(minutes=5)))):
        return {"user": who.user_id}

    @app.get("/public")
    async def public():
        return {}

    @app.websocket("/ws")
    async def ws(websocket: WebSocket, who: Principal = Depends(current)):
        await websocket.accept()
        await websocket.send_json({"user": who.user_id})
        await websocket.close()

    return app


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def auth(clock):
    return Auth(Settings(database="memory:", passwords=fast_passwords()), clock=clock)


@pytest.fixture
def client(auth):
    with TestClient(build(auth)) as client:
        yield client


@pytest.mark.parametrize("path", ["/depends", "/awaits", "/sync", "/optional"])
def test_a_caller_is_known_however_the_route_asks(auth, client, path):
    login = log_in(client, auth)
    assert client.get(path).json() == {"user": login.user.id}


@pytest.mark.parametrize("path", ["/depends", "/awaits", "/sync"])
def test_a_stranger_is_refused_with_problem_details(client, path):
    answer = client.get(path)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "token.missing"


def test_a_stranger_may_ask_what_is_optional(client):
    assert client.get("/optional").json() == {"user": None}


def test_role_and_freshness_are_required(auth, client, clock):
    login = log_in(client, auth, roles=["editor"])
    assert client.get("/editors").json() == {"user": login.user.id}
    clock.advance(timedelta(minutes=6))
    assert client.get("/editors").json()["code"] == "access.reauthenticate"
    log_in(client, auth, "bob@example.com")
    assert client.get("/editors").json()["code"] == "access.denied"


def test_a_websocket_depends_on_it_too(auth, client):
    login = log_in(client, auth)
    with client.websocket_connect("/ws") as websocket:
        assert websocket.receive_json() == {"user": login.user.id}


def test_an_override_replaces_it_in_a_test_of_the_application(auth):
    app = build(auth)
    app.dependency_overrides[current] = lambda: Principal(
        session_id="ses_test", user_id="usr_test", authenticated_at=ManualClock().now, expires_at=ManualClock().now
    )
    with TestClient(app) as client:
        assert client.get("/depends").json() == {"user": "usr_test"}


def test_a_mounted_application_asks_and_answers_the_same(auth):
    app, inner = build(auth), FastAPI()

    @inner.get("/me")
    async def me(who: Principal = Depends(current)):
        return {"user": who.user_id}

    app.mount("/inner", inner)
    with TestClient(app) as client:
        answer = client.get("/inner/me")
        assert (answer.status_code, answer.json()["code"]) == (401, "token.missing")
        login = log_in(client, auth)
        assert client.get("/inner/me").json() == {"user": login.user.id}


def test_the_applications_own_handler_comes_first(auth):
    app = FastAPI()

    @app.exception_handler(AuthError)
    async def teapot(request, error):
        return PlainTextResponse(error.code, status_code=418)

    install(app, auth)

    @app.get("/me")
    async def me(who: Principal = Depends(current)):
        return {}

    with TestClient(app) as client:
        assert client.get("/me").status_code == 418


def test_the_installed_api_and_pages_answer(client):
    assert client.get("/auth/login").headers["content-type"] == "text/html; charset=utf-8"
    answer = client.post(
        "/auth/api/register",
        json={"email": "ann@example.com", "password": "three quiet herons wade", "carry": "header"},
    )
    assert answer.status_code == 201
    token = answer.json()["session_token"]
    assert client.get("/depends", headers={"authorization": f"Bearer {token}"}).status_code == 200
    assert client.get("/.well-known/jwks.json").json()["keys"]


def test_without_pages_there_are_none_and_nobody_is_sent_there(auth):
    app = FastAPI()
    install(app, auth, pages=False)

    @app.get("/me")
    async def me(who: Principal = Depends(current)):
        return {}

    with TestClient(app) as client:
        assert client.get("/auth/login").status_code == 404
        assert client.get("/me", headers={"accept": "text/html"}).status_code == 401
