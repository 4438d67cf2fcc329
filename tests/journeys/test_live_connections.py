"""A WebSocket and an event stream are open; the login is ended in another process; both close within the lease."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import Depends, FastAPI, WebSocket
from fastapi.responses import HTMLResponse, StreamingResponse
from playwright.sync_api import Page
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from coatcheck import Auth, Principal
from coatcheck.fastapi import current, install
from coatcheck.model.session import Carry
from coatcheck.testing import login_as
from tests.server import Server, serving

ELSEWHERE = """
import asyncio, sys, time
from coatcheck import Auth, Settings

async def end():
    auth = Auth(Settings(database=sys.argv[1], url=sys.argv[2]))
    await auth.open()
    print(time.monotonic())
    await auth.logout_everywhere(sys.argv[3])
    await auth.stop()

asyncio.run(end())
"""
PAGE = """<!doctype html><title>Live</title><script>
const seen = {opened: 0};
const socket = new WebSocket(`ws://${location.host}/live`);
socket.onmessage = () => { seen.opened += 1; };
socket.onclose = (event) => { seen.closed = [event.code, event.reason]; };
const events = new EventSource("/events");
events.onmessage = () => { seen.opened += 1; };
events.onerror = () => { seen.events = events.readyState; };
</script>"""


def host(auth: Auth) -> FastAPI:
    """An application that nobody told anything about endings. Its routes tell when they are left."""
    app = FastAPI()
    install(app, auth)
    app.state.left = []

    @app.get("/")
    async def page() -> HTMLResponse:
        return HTMLResponse(PAGE)

    @app.websocket("/live")
    async def live(socket: WebSocket, who: Principal = Depends(current)) -> None:
        await socket.accept()
        await socket.send_text(str(who.user_id))
        try:
            while True:
                await socket.receive_text()
        finally:
            app.state.left.append("/live")

    @app.get("/events")
    async def events(who: Principal = Depends(current)) -> StreamingResponse:
        async def forever() -> AsyncIterator[str]:
            try:
                yield f"data: {who.user_id}\n\n"
                await asyncio.Event().wait()
            finally:
                app.state.left.append("/events")

        return StreamingResponse(forever(), media_type="text/event-stream")

    return app


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Server, FastAPI]]:
    made: list[FastAPI] = []

    def make(auth: Auth) -> FastAPI:
        made.append(host(auth))
        return made[0]

    with serving(make=make, database=f"sqlite:///{tmp_path}/app.db") as server:
        yield server, made[0]


def end_elsewhere(server: Server, user_id: str) -> float:
    """End every login of a user in another process; return when that began, on the clock that processes share."""
    settings = server.auth.settings
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, settings.database, settings.url, user_id],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return float(done.stdout)


class Waiting(threading.Thread):
    """Runs ``until_closed`` in the background; ``result`` is what it returned, ``at`` when."""

    def __init__(self, until_closed: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._until_closed = until_closed
        self.start()

    def run(self) -> None:
        self.result = self._until_closed()
        self.at = time.monotonic()


@pytest.mark.parametrize("carry", [Carry.COOKIE, Carry.TOKENS])
def test_both_close_within_the_lease_and_the_routes_hear_of_it(served: tuple[Server, FastAPI], carry: Carry) -> None:
    server, app = served
    login = server.run(login_as(server.auth, "ann@example.com", carry=carry))
    other = server.run(login_as(server.auth, "ben@example.com", carry=carry))
    place = server.url.replace("http://", "ws://") + "/live"
    with (
        connect(place, additional_headers=login.headers) as mine,
        connect(place, additional_headers=other.headers) as another,
        httpx2.stream("GET", f"{server.url}/events", headers=login.headers, timeout=30) as events,
    ):
        assert mine.recv() == login.user.id
        assert another.recv() == other.user.id
        chunks = events.iter_text()
        assert login.user.id in next(chunks)

        def closing() -> tuple[int, str]:
            with pytest.raises(ConnectionClosed) as closed:
                mine.recv(timeout=30)
            assert closed.value.rcvd is not None
            return closed.value.rcvd.code, closed.value.rcvd.reason

        socket, stream = Waiting(closing), Waiting(lambda: list(chunks))
        began = end_elsewhere(server, login.user.id)
        socket.join(30)
        stream.join(30)
        assert socket.result == (1008, "session.ended")
        assert stream.result == []
        lease = server.auth.settings.revocation.lease.total_seconds()
        assert max(socket.at, stream.at) - began < lease, "it is told, and does not find out"
        another.send("still here")
        with pytest.raises(TimeoutError):
            another.recv(timeout=0.2)
        until = time.monotonic() + 60
        while sorted(app.state.left) != ["/events", "/live"] and time.monotonic() < until:
            time.sleep(0.01)
        assert sorted(app.state.left) == ["/events", "/live"]
    refused = httpx2.get(f"{server.url}/events", headers=login.headers)
    assert (refused.status_code, refused.json()["code"]) == (401, "session.ended")


def test_a_browser_sees_both_close_and_does_not_come_back(served: tuple[Server, FastAPI], page: Page) -> None:
    server, _ = served
    login = server.run(login_as(server.auth, "ann@example.com"))
    here = server.auth.settings.url
    name, _, value = login.headers["cookie"].partition("=")
    page.context.add_cookies([{"name": name, "value": value, "url": here, "httpOnly": True, "sameSite": "Lax"}])
    page.goto(here)
    page.wait_for_function("() => seen.opened === 2")
    end_elsewhere(server, login.user.id)
    page.wait_for_function("() => seen.closed && seen.events === EventSource.CLOSED", timeout=10_000)
    assert page.evaluate("() => seen.closed") == [1008, "session.ended"]
