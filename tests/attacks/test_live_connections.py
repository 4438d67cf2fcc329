"""Somebody who should be out keeps a connection open, or opens one from another site.

SE-28, SE-16, CS-03, HT-02 (OWASP ASVS 4.4.2, 4.4.3, 7.4.1): by not reading, by opening it in the very moment of the
ending, by an old credential, or where no news arrive any more. Within the bound it is closed, and nothing passes.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from fastapi import Depends, FastAPI, WebSocket
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import WebSocketRoute
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from coatcheck import Auth, Principal, Settings
from coatcheck.asgi import AuthMiddleware
from coatcheck.asgi import current as current_of
from coatcheck.errors import StoreUnavailable
from coatcheck.fastapi import current, install
from coatcheck.model.session import Carry
from coatcheck.settings import RevocationSettings
from coatcheck.stores.open import store_for
from coatcheck.stores.port import Registry
from coatcheck.testing import fast_passwords, log_in
from tests.asgi.connecting import Connection
from tests.host import Host, hosting

Result = TypeVar("Result")


async def chat(socket: WebSocket) -> None:
    await current_of(socket)
    await socket.accept()
    with suppress(WebSocketDisconnect):
        while True:
            await socket.send_text(await socket.receive_text())


async def flood(socket: WebSocket) -> None:
    await current_of(socket)
    await socket.accept()
    for number in range(1_000_000):
        await socket.send_text(str(number))


CHAT = Starlette(routes=[WebSocketRoute("/chat", chat), WebSocketRoute("/flood", flood)])


def with_starlette(auth: Auth) -> Any:
    routes = [WebSocketRoute("/chat", chat)]
    return Starlette(routes=routes, middleware=[Middleware(AuthMiddleware, auth=auth)])


def with_fastapi(auth: Auth) -> Any:
    app = FastAPI()
    install(app, auth)

    @app.websocket("/chat")
    async def _chat(socket: WebSocket, who: Principal = Depends(current)) -> None:
        await chat(socket)

    return app


FOREIGN = [
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": "http://localhost:8000.evil.example"},
    {"origin": "https://localhost:8000"},
    {"origin": "http://localhost"},
    {"origin": ""},
    {},
    {"sec-fetch-site": "same-site", "origin": "http://evil.localhost:8000"},
]


@pytest.mark.parametrize("make", [with_starlette, with_fastapi])
@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_another_sites_page_opens_none_with_the_victims_cookie(make: Callable[[Auth], Any], headers: dict[str, str]):
    auth = Auth(Settings(database="memory:", passwords=fast_passwords()))
    with TestClient(make(auth)) as client:
        log_in(client, auth)
        with client.websocket_connect("/chat") as own:
            own.send_text("hello")
            assert own.receive_text() == "hello"
        client.headers.pop("origin")
        with pytest.raises(WebSocketDenialResponse) as refused, client.websocket_connect("/chat", headers=headers):
            pass
        assert (refused.value.status_code, refused.value.json()["code"]) == (403, "origin.refused")
        assert len(auth.live) == 0


@pytest.mark.anyio
@pytest.mark.parametrize("carry", [Carry.COOKIE, Carry.TOKENS])
async def test_none_that_is_opened_in_the_moment_of_the_ending_stays(carry: Carry):
    async with hosting(CHAT) as host:
        for turn in range(5):
            login = await host.log_in(f"ann{turn}@example.com", carry=carry)
            connections = [Connection(host, login.headers, "/chat") for _ in range(40)]

            async def open_all(connections: list[Connection] = connections) -> None:
                for connection in connections:
                    await connection.__aenter__()
                    await asyncio.sleep(0)

            opening = asyncio.create_task(open_all())
            for _ in range(turn * 8):
                await asyncio.sleep(0)
            await host.auth.end_session(login.user.id, login.session.id, wait=True)
            await opening
            for connection in connections:
                await connection.left()
            assert len(host.auth.live) == 0
            last = {connection.sent[-1]["type"] for connection in connections}
            assert last <= {"websocket.close", "websocket.http.response.body"}


class Unread(Connection):
    """A client that stops reading: the server's buffer is full, and what is sent waits."""

    def __init__(self, *how: Any) -> None:
        super().__init__(*how)
        self.reads = asyncio.Event()
        self.reads.set()

    async def _send(self, message: dict[str, Any]) -> None:
        await self.reads.wait()
        await super()._send(message)
        await asyncio.sleep(0)


@pytest.mark.anyio
async def test_not_reading_keeps_nothing_coming():
    async with hosting(CHAT) as host:
        login = await host.log_in()
        async with Unread(host, login.headers, "/flood") as connection:
            await connection.more_than(10)
            connection.reads.clear()
            await asyncio.sleep(0)
            count = len(connection.sent)
            await host.auth.end_session(login.user.id, login.session.id, wait=True)
            assert len(host.auth.live) == 0
            connection.reads.set()
            await connection.left()
            kinds = [message["type"] for message in connection.sent[count:]]
            assert kinds.count("websocket.send") <= 1  # what was under way
            assert kinds.count("websocket.close") == 1


@pytest.mark.anyio
@pytest.mark.parametrize("carry", [Carry.HEADER, Carry.TOKENS])
async def test_a_thief_is_out_when_the_owner_proves_the_password_again(carry: Carry):
    async with hosting(CHAT) as host:
        login = await host.log_in(carry=carry)
        await host.auth.set_password(login.user.id, PASSWORD)
        again = await host.auth.login("ann@example.com", PASSWORD, carry=carry)
        token = again.credentials.session_token or again.credentials.access_token
        async with Connection(host, {"authorization": f"Bearer {token}"}, "/chat") as stolen:
            await stolen.kinds("websocket.accept")
            await host.auth.reauthenticate(await host.auth.check(str(token)), PASSWORD)
            await stolen.left()
            assert stolen.sent[-1]["type"] == "websocket.close"


PASSWORD = "three quiet herons wade"
LEASE = timedelta(milliseconds=500)


class Deaf:
    """A store of one process, to which no news come any more, though questions are answered."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.is_deaf = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def read_registry(self, work: Callable[[Registry], Result]) -> Result:
        if self.is_deaf:
            raise StoreUnavailable
        return await self._store.read_registry(work)


@pytest.mark.anyio
@pytest.mark.parametrize(("policy", "code"), [("online", (1008, "session.ended")), ("deny", (1013, "checking.stale"))])
async def test_where_no_news_arrive_it_is_closed_when_the_lease_has_run_out(
    tmp_path: Path, policy: Any, code: tuple[int, str]
):
    url, settings = f"sqlite:///{tmp_path}/app.db", RevocationSettings(lease=LEASE, policy=policy)
    store: Any = Deaf(store_for(url))
    here = Settings(database=url, url="http://localhost:8000", passwords=fast_passwords(), revocation=settings)
    async with Auth(here, name="elsewhere") as elsewhere, Auth(here, store=store, name="here") as auth:
        login = await elsewhere.register("ann@example.com", PASSWORD, carry=Carry.HEADER)
        host = Host(auth, None, AuthMiddleware(CHAT, auth))  # type: ignore[arg-type]
        headers = {"authorization": f"Bearer {login.credentials.session_token}"}
        async with Connection(host, headers, "/chat") as connection:
            await connection.kinds("websocket.accept")
            store.is_deaf = True
            began = time.monotonic()
            await elsewhere.end_session(login.user.id, login.session.id)
            await connection.left()
            assert time.monotonic() - began < 2 * settings.bound.total_seconds() + 1
            assert (connection.sent[-1]["code"], connection.sent[-1]["reason"]) == code


@pytest.mark.anyio
async def test_connections_that_come_and_go_leave_nothing_behind():
    async with hosting(CHAT) as host:
        login = await host.log_in()
        for _ in range(300):
            async with Connection(host, login.headers, "/chat") as connection:
                await connection.kinds("websocket.accept")
        live: Any = host.auth.live
        assert (len(live), len(live._doubted_at), len(live._goodbyes)) == (0, 0, 0)
