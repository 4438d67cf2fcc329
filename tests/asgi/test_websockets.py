"""WebSockets: who opens one, from which page, and how one is turned away."""

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from coatcheck.asgi import AuthMiddleware, current
from coatcheck.auth import Auth
from coatcheck.model.session import Carry
from coatcheck.settings import Settings
from coatcheck.testing import fast_passwords, log_in


async def greet(websocket):
    who = await current(websocket)
    await websocket.accept()
    await websocket.send_text(who.user_id)
    await websocket.close()


async def greet_late(websocket):
    await websocket.accept()
    await current(websocket)


@pytest.fixture
def auth():
    return Auth(Settings(database="memory:", passwords=fast_passwords()))


@pytest.fixture
def client(auth):
    app = Starlette(
        routes=[WebSocketRoute("/ws", greet), WebSocketRoute("/late", greet_late)],
        middleware=[Middleware(AuthMiddleware, auth=auth)],
    )
    with TestClient(app) as client:
        yield client


def test_a_websocket_knows_its_caller(auth, client):
    login = log_in(client, auth)
    with client.websocket_connect("/ws") as websocket:
        assert websocket.receive_text() == login.user.id


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:9999"])
def test_another_sites_page_opens_no_websocket_with_our_cookie(auth, client, origin):
    log_in(client, auth)
    client.headers["origin"] = origin
    with pytest.raises(WebSocketDenialResponse) as refused, client.websocket_connect("/ws"):
        pass
    assert refused.value.status_code == 403
    assert refused.value.json()["code"] == "origin.refused"


def test_a_cookie_without_any_origin_opens_no_websocket(auth, client):
    log_in(client, auth)
    del client.headers["origin"]
    with pytest.raises(WebSocketDenialResponse), client.websocket_connect("/ws"):
        pass


def test_a_token_opens_one_from_anywhere(auth, client):
    login = log_in(client, auth, carry=Carry.TOKENS)
    client.headers["origin"] = "https://evil.example"
    with client.websocket_connect("/ws") as websocket:
        assert websocket.receive_text() == login.user.id


def test_a_stranger_is_turned_away_with_the_same_answer_as_over_http(client):
    with pytest.raises(WebSocketDenialResponse) as refused, client.websocket_connect("/ws"):
        pass
    assert refused.value.status_code == 401
    assert refused.value.json()["code"] == "token.missing"


def test_a_stranger_who_is_in_already_is_shown_out_by_a_policy_violation(client):
    with client.websocket_connect("/late") as websocket, pytest.raises(WebSocketDisconnect) as closed:
        websocket.receive_text()
    assert (closed.value.code, closed.value.reason) == (1008, "token.missing")


@pytest.mark.anyio
async def test_a_server_that_can_send_no_answer_to_an_upgrade_closes_it(auth):
    async def app(scope, receive, send):
        await current(scope)

    sent = []

    async def send(message):
        sent.append(message)

    async with auth:
        await AuthMiddleware(app, auth)({"type": "websocket", "path": "/", "headers": []}, None, send)
    assert sent == [{"type": "websocket.close", "code": 1008, "reason": "token.missing"}]
