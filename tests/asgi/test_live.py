"""WebSockets and answers of unknown length end with the login that their route asked about, and no others do."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from coatcheck.asgi import current, gone, optional, require
from coatcheck.model.session import Carry
from tests.asgi.connecting import Connection
from tests.host import Host, hosting

pytestmark = pytest.mark.anyio

heard: list[Any] = []
asked, may_go_on = asyncio.Event(), asyncio.Event()


@pytest.fixture(autouse=True)
def _anew() -> None:
    global asked, may_go_on
    heard.clear()
    asked, may_go_on = asyncio.Event(), asyncio.Event()


async def echo(socket: WebSocket) -> None:
    """Asks who is there before it accepts."""
    await current(socket)
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect as left:
        heard.append((left.code, left.reason))


async def asks_late(socket: WebSocket) -> None:
    """Asks when it is open, then neither sends nor receives."""
    await socket.accept()
    await current(socket)
    try:
        await asyncio.Event().wait()
    finally:
        heard.append("stopped")


async def deaf_events(scope: Any, receive: Any, send: Any) -> None:
    """An application without a framework, which neither listens nor has anything to say."""
    await current(scope)
    headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    try:
        await asyncio.Event().wait()
    finally:
        heard.append("stopped")


async def asks_nobody(socket: WebSocket) -> None:
    """Does not care who is there."""
    await socket.accept()
    await socket.receive_text()


async def asks_whoever(socket: WebSocket) -> None:
    """Takes strangers too."""
    await optional(socket)
    await socket.accept()
    await socket.receive_text()


async def pushes(socket: WebSocket) -> None:
    """Sends again and again, and never listens."""
    await current(socket)
    await socket.accept()
    while True:
        await socket.send_text("tick")
        await asyncio.sleep(0.001)


async def asks_and_waits(socket: WebSocket) -> None:
    """Asks, and has not accepted yet."""
    await current(socket)
    await may_go_on.wait()
    await socket.accept()


async def in_a_group(socket: WebSocket) -> None:
    """Works in tasks of its own."""
    await current(socket)
    await socket.accept()

    async def push() -> None:
        while True:
            await socket.send_text("tick")
            await asyncio.sleep(0.001)

    async with asyncio.TaskGroup() as group:
        group.create_task(push())
        group.create_task(push())


async def asks_for_a_role_once(socket: WebSocket) -> None:
    """Asks for a role at first, and later no more than who is there."""
    await require(role="editor")(socket)
    await socket.accept()
    while True:
        await socket.receive_text()
        await current(socket)


async def fails_then(socket: WebSocket) -> None:
    """Has a bug where it cleans up."""
    await current(socket)
    await socket.accept()
    try:
        await socket.receive_text()
    finally:
        raise ZeroDivisionError


async def forever(first: bytes | None = None) -> AsyncIterator[bytes]:
    try:
        if first is not None:
            yield first
        await asyncio.Event().wait()
    finally:
        heard.append("stopped")


async def ticks() -> AsyncIterator[bytes]:
    while True:
        yield b"tick"
        await asyncio.sleep(0.001)


async def events(request: Request) -> Response:
    await current(request)
    return StreamingResponse(forever(b"data: 1\n\n"), media_type="text/event-stream")


async def silent_events(request: Request) -> Response:
    await current(request)
    return StreamingResponse(forever(), media_type="text/event-stream")


async def public_events(request: Request) -> Response:
    return StreamingResponse(forever(b"data: 1\n\n"), media_type="text/event-stream")


async def export(request: Request) -> Response:
    await current(request)
    return StreamingResponse(ticks(), media_type="text/csv")


async def export_nothing(request: Request) -> Response:
    await current(request)
    return StreamingResponse(forever(), media_type="text/csv")


async def download(request: Request) -> Response:
    await current(request)
    return StreamingResponse(forever(b"half"), headers={"content-length": "8"})


async def asks_in_the_stream(request: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        while True:
            await current(request)
            yield b"data: 1\n\n"
            await asyncio.sleep(0.001)

    await current(request)
    return StreamingResponse(pieces(), media_type="text/event-stream")


async def plain(request: Request) -> Response:
    await current(request)
    return PlainTextResponse("ok")


async def late_stream(request: Request) -> Response:
    await current(request)
    asked.set()
    await may_go_on.wait()
    return StreamingResponse(forever(b"data: 1\n\n"), media_type="text/event-stream")


SOCKETS = [
    echo,
    asks_late,
    asks_nobody,
    asks_whoever,
    pushes,
    asks_and_waits,
    in_a_group,
    asks_for_a_role_once,
    fails_then,
]
ANSWERS = [
    events,
    silent_events,
    public_events,
    export,
    export_nothing,
    download,
    asks_in_the_stream,
    plain,
    late_stream,
]
ROUTES = [
    *(WebSocketRoute(f"/{each.__name__}", each) for each in SOCKETS),
    *(Route(f"/{each.__name__}", each) for each in ANSWERS),
]


async def passing(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    return await call_next(request)


class Copying:
    """Hands on a scope of its own, as some middleware does."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app({**scope}, receive, send)


def app(*middleware: Any) -> Starlette:
    return Starlette(routes=ROUTES, middleware=[Middleware(*each) for each in middleware])


@asynccontextmanager
async def connected(
    path: str, kind: str = "websocket", *, carry: Carry = Carry.COOKIE, served: Any = None, is_known: bool = True
) -> AsyncIterator[tuple[Host, Connection]]:
    """A host, and a connection that somebody with a login has opened."""
    async with hosting(served or app()) as host:
        login = await host.log_in(carry=carry, roles=["editor"])
        async with Connection(host, login.headers if is_known else {}, path, kind) as connection:
            yield host, connection


async def looked_after(host: Host) -> None:
    """Return when a connection is looked after."""
    async with asyncio.timeout(10):
        while len(host.auth.live) == 0:  # noqa: ASYNC110 - nobody else wants to be told
            await asyncio.sleep(0.001)


async def look(host: Host) -> None:
    """Look, and let what is asked be answered: a memory store keeps nobody waiting but for some turns of the loop."""
    host.auth.live.look()
    for _ in range(50):
        await asyncio.sleep(0)


async def end(host: Host) -> None:
    (user,) = await host.auth.find_users()
    await host.auth.logout_everywhere(user.id)


CLOSED = {"type": "websocket.close", "code": 1008, "reason": "session.ended"}


@pytest.mark.parametrize("carry", [Carry.COOKIE, Carry.HEADER, Carry.TOKENS])
async def test_a_websocket_closes_and_its_route_hears_that_the_client_has_left(carry: Carry):
    async with connected("/echo", carry=carry) as (host, connection):
        connection.say({"type": "websocket.receive", "text": "hello"})
        await connection.kinds("websocket.accept", "websocket.send")
        assert len(host.auth.live) == 1
        await end(host)
        sent = await connection.kinds("websocket.accept", "websocket.send", "websocket.close")
        assert sent[-1] == CLOSED
        await connection.left()
        assert heard == [(1008, "session.ended")]
        assert len(host.auth.live) == 0


async def test_a_websocket_that_asked_late_and_says_nothing_closes_too():
    async with connected("/asks_late") as (host, connection):
        await looked_after(host)
        await end(host)
        assert (await connection.kinds("websocket.accept", "websocket.close"))[-1] == CLOSED


@pytest.mark.parametrize(("path", "is_known"), [("/asks_nobody", True), ("/asks_whoever", False)])
async def test_a_websocket_that_belongs_to_nobody_stays_open(path: str, is_known: bool):
    async with connected(path, is_known=is_known) as (host, connection):
        await connection.kinds("websocket.accept")
        await end(host)
        await look(host)
        await connection.kinds("websocket.accept")
        assert connection.is_running


async def test_whoever_was_known_to_a_route_for_all_is_closed_too():
    async with connected("/asks_whoever") as (host, connection):
        await connection.kinds("websocket.accept")
        await end(host)
        await connection.kinds("websocket.accept", "websocket.close")


@pytest.mark.parametrize("path", ["/pushes", "/in_a_group"])
async def test_nothing_is_sent_after_the_end_by_a_route_that_never_listens(path: str):
    async with connected(path) as (host, connection):
        await connection.more_than(2)
        await end(host)
        await connection.left()
        assert connection.sent[-1] == CLOSED
        assert [each["type"] for each in connection.sent].count("websocket.close") == 1


async def test_nothing_that_had_come_is_handed_on_after_the_end():
    async with connected("/echo") as (host, connection):
        await connection.kinds("websocket.accept")
        await end(host)
        await connection.kinds("websocket.accept", "websocket.close")
        connection.say({"type": "websocket.receive", "text": "give me the money"})
        await connection.left()
        assert heard == [(1008, "session.ended")]


async def test_who_is_not_let_in_yet_is_turned_away_with_an_answer():
    async with connected("/asks_and_waits") as (host, connection):
        await looked_after(host)
        await end(host)
        start, _ = await connection.kinds("websocket.http.response.start", "websocket.http.response.body")
        assert start["status"] == 401
        may_go_on.set()
        await connection.left()


async def test_a_bug_is_not_hidden_by_the_end():
    async with connected("/fails_then") as (host, connection):
        await connection.kinds("websocket.accept")
        await end(host)
        with pytest.raises(ZeroDivisionError):
            await connection.left()


async def test_changed_roles_close_a_websocket_since_it_was_let_in_with_others():
    async with connected("/echo") as (host, connection):
        await connection.kinds("websocket.accept")
        (user,) = await host.auth.find_users()
        await host.auth.set_roles(user.id, ())
        sent = await connection.kinds("websocket.accept", "websocket.close")
        assert sent[-1] == {**CLOSED, "reason": "token.outdated"}


async def test_what_can_not_be_decided_now_closes_a_websocket_with_try_again():
    async with connected("/echo") as (host, connection):
        await connection.kinds("websocket.accept")
        host.auth.deny_here()
        await look(host)
        sent = await connection.kinds("websocket.accept", "websocket.close")
        assert sent[-1] == {"type": "websocket.close", "code": 1013, "reason": "checking.stale"}


async def test_a_websocket_stays_open_for_as_long_as_the_login_lasts():
    async with connected("/echo") as (host, connection):
        await connection.kinds("websocket.accept")
        for _ in range(11):
            host.clock.advance(timedelta(hours=1))
            await host.auth.barrier()  # has the lease renewed, by this clock
            await look(host)
        await connection.kinds("websocket.accept")
        host.clock.advance(timedelta(hours=1))
        await look(host)
        sent = await connection.kinds("websocket.accept", "websocket.close")
        assert sent[-1] == {**CLOSED, "reason": "session.expired"}


ASKED = ["/events", "/silent_events", "/asks_in_the_stream", "/late_stream"]
AROUND = {"plain": [], "BaseHTTPMiddleware": [(BaseHTTPMiddleware, passing)], "a scope of its own": [(Copying,)]}


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
@pytest.mark.parametrize("path", ASKED)
async def test_an_event_stream_is_brought_to_its_end(path: str, around: list[tuple[Any, ...]]):
    may_go_on.set()
    async with connected(path, "http", served=app(*around)) as (host, connection):
        await looked_after(host)
        await end(host)
        await connection.left()
        assert connection.sent[0]["status"] == 200
        assert connection.sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
        assert [each.get("more_body") for each in connection.sent[1:]].count(False) == 1
        assert len(host.auth.live) == 0


async def test_a_stream_of_another_kind_is_cut_off_so_that_nobody_takes_it_for_complete():
    async with connected("/export", "http") as (host, connection):
        await connection.more_than(2)
        await end(host)
        await connection.left()
        assert all(each["more_body"] for each in connection.sent[1:])


@pytest.mark.parametrize("path", ["/public_events", "/download"])
async def test_a_stream_for_all_and_an_answer_of_known_length_go_on(path: str):
    async with connected(path, "http") as (host, connection):
        await connection.kinds("http.response.start", "http.response.body")
        assert len(host.auth.live) == 0
        await end(host)
        await look(host)
        await connection.kinds("http.response.start", "http.response.body")
        assert connection.is_running


async def test_a_login_that_ended_before_the_stream_began_ends_it_at_once():
    async with connected("/late_stream", "http") as (host, connection):
        await asked.wait()
        await end(host)
        may_go_on.set()
        await connection.left()
        assert connection.sent[0]["status"] == 200
        assert connection.sent[-1]["more_body"] is False


@pytest.mark.parametrize(("path", "kind"), [("/asks_late", "websocket"), ("/export_nothing", "http")])
async def test_a_route_that_does_not_notice_is_cancelled_after_a_while(
    path: str, kind: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(gone, "PATIENCE", 0.05)
    async with connected(path, kind) as (host, connection):
        await looked_after(host)
        await end(host)
        assert connection.is_running
        await connection.left()
        assert heard == ["stopped"]
        assert all(each.get("more_body", True) for each in connection.sent)


async def test_an_application_without_a_framework_is_cancelled_too(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gone, "PATIENCE", 0.05)
    async with connected("/", "http", served=deaf_events) as (host, connection):
        await looked_after(host)
        await end(host)
        await connection.kinds("http.response.start", "http.response.body")
        await connection.left()
        assert heard == ["stopped"]


async def test_a_server_that_cancels_is_obeyed():
    async with connected("/asks_late") as (host, connection):
        await looked_after(host)
        await end(host)
        await connection.kinds("websocket.accept", "websocket.close")
        with pytest.raises(asyncio.CancelledError):
            await connection.cancelled()


async def test_plain_answers_and_connections_that_are_over_leave_nothing_behind():
    async with hosting(app()) as host:
        login = await host.log_in()
        assert (await host.client(login).get("/plain")).text == "ok"
        assert len(host.auth.live) == 0
        for path, kind in (("/echo", "websocket"), ("/events", "http")):
            async with Connection(host, login.headers, path, kind):
                await looked_after(host)
            assert len(host.auth.live) == 0


async def test_it_works_below_a_mounted_application():
    async with connected("/below/echo", served=Starlette(routes=[Mount("/below", routes=ROUTES)])) as (
        host,
        connection,
    ):
        await connection.kinds("websocket.accept")
        await end(host)
        await connection.kinds("websocket.accept", "websocket.close")


async def test_asking_again_does_not_let_a_lost_role_pass():
    async with connected("/asks_for_a_role_once") as (host, connection):
        await connection.kinds("websocket.accept")
        (user,) = await host.auth.find_users()
        await host.auth.set_roles(user.id, ("reader",))
        connection.say({"type": "websocket.receive", "text": "once more"})
        sent = await connection.kinds("websocket.accept", "websocket.close")
        assert sent[-1] == {**CLOSED, "reason": "token.outdated"}
