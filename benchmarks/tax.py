"""The authentication tax: what a route costs with Coatcheck, against the same route of the same framework without.

Measured two ways, always in turns, so that whatever else the machine does befalls both sides alike:

- *called*: the application is called directly, in one process, without server and network. Shows the microseconds.
- *served*: uvicorn on one core, a load generator with keep-alive connections on another. Shows the throughput that is
  left. Raw sockets and a known answer keep the generator faster than any server, and it never sleeps: waking it would
  be the server's work, and the more often the slower the server is (in a virtual machine an interrupt costs more than
  a check). Requests are counted per second that the server was running: on a machine that does other things as well,
  wall time would measure those.

Both sides get byte for byte the same request, credential included.
"""

import asyncio
import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import Any

import uvloop
from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from benchmarks.figure import Figure, figure
from coatcheck import Auth, Settings
from coatcheck.asgi import AuthMiddleware
from coatcheck.asgi import current as current_of
from coatcheck.fastapi import current
from coatcheck.model.principal import Principal
from coatcheck.model.session import Carry
from coatcheck.testing import fast_passwords, login_as

App = Callable[[Any, Any, Any], Awaitable[None]]

PAIRS = {
    "raw ASGI": ("raw", "raw, current"),
    "Starlette": ("starlette", "starlette, current"),
    "FastAPI": ("fastapi", "fastapi, current"),
    "FastAPI, Depends": ("fastapi, empty dependency", "fastapi, Depends(current)"),
}
CARRIERS = {"cookie": Carry.COOKIE, "JWT": Carry.TOKENS}
CONNECTIONS = 16
GOALS = {"Starlette": 0.93, "FastAPI": 0.95}


def measure(rounds: int = 15, seconds: float = 0.4) -> dict[str, Figure]:
    """Return, by framework and carrier, the ratio of throughputs and the microseconds added: called and served."""
    called = asyncio.run(_called(rounds))
    served = _served(rounds, seconds)
    return {
        f"{name}: {key}": _figure(name, key, value)
        for name in called
        for key, value in {**called[name], **served[name]}.items()
    }


def _figure(name: str, key: str, value: float) -> Figure:
    framework = name.partition(",")[0]
    goal = GOALS.get(framework) if key == "served ratio" else None
    unit = "µs" if key.endswith("µs") else "/s" if key.endswith("/s") else ""
    return figure(value, unit, goal=goal, at_least=goal is not None)


# -- the applications --------------------------------------------------------------------------------------------------


def applications(auth: Auth) -> dict[str, App]:
    """Every application, bare and with authentication."""
    return {
        "raw": _raw,
        "raw, current": AuthMiddleware(_raw_current, auth),
        "starlette": Starlette(routes=[Route("/", _starlette)]),
        "starlette, current": Starlette(
            routes=[Route("/", _starlette_current)], middleware=[Middleware(AuthMiddleware, auth=auth)]
        ),
        **_fastapi_applications(auth),
    }


async def _raw(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def _raw_current(scope: Any, receive: Any, send: Any) -> None:
    await current_of(scope)
    await _raw(scope, receive, send)


async def _starlette(request: Request) -> PlainTextResponse:
    return PlainTextResponse("ok")


async def _starlette_current(request: Request) -> PlainTextResponse:
    await current_of(request)
    return PlainTextResponse("ok")


async def _nothing(request: Request) -> None:
    return None


def _fastapi_applications(auth: Auth) -> dict[str, App]:
    bare, awaited, empty, depends = (FastAPI(openapi_url=None) for _ in range(4))

    @bare.get("/")
    async def plain(request: Request) -> JSONResponse:
        return JSONResponse("ok")

    @awaited.get("/")
    async def asking(request: Request) -> JSONResponse:
        await current(request)
        return JSONResponse("ok")

    @empty.get("/")
    async def with_nothing(nothing: None = Depends(_nothing)) -> JSONResponse:
        return JSONResponse("ok")

    @depends.get("/")
    async def with_current(who: Principal = Depends(current)) -> JSONResponse:
        return JSONResponse("ok")

    for app in (awaited, depends):
        app.add_middleware(AuthMiddleware, auth=auth)
    return {
        "fastapi": bare,
        "fastapi, current": awaited,
        "fastapi, empty dependency": empty,
        "fastapi, Depends(current)": depends,
    }


def _new_auth() -> Auth:
    return Auth(Settings(database="memory:", passwords=fast_passwords()))


async def _credentials(auth: Auth) -> dict[str, dict[str, str]]:
    return {name: (await login_as(auth, "ann@example.com", carry=carry)).headers for name, carry in CARRIERS.items()}


def _header_lines(credential: dict[str, str]) -> list[tuple[bytes, bytes]]:
    lines = {"host": "localhost:8000", "user-agent": "tax/1", "accept": "*/*", "accept-encoding": "gzip", **credential}
    lines.pop("origin", None)
    return [(name.encode(), value.encode()) for name, value in lines.items()]


# -- called ------------------------------------------------------------------------------------------------------------


async def _called(rounds: int) -> dict[str, dict[str, float]]:
    figures = {}
    async with _new_auth() as auth:
        apps, credentials = applications(auth), await _credentials(auth)
        for pair, (bare, authenticated) in PAIRS.items():
            for carrier, credential in credentials.items():
                headers = _header_lines(credential)
                sides = [[], []]  # type: list[list[float]]
                for number in range(rounds + 1):
                    for side, name in zip(sides, (bare, authenticated), strict=True):
                        took = await _call(apps[name], headers)
                        if number:
                            side.append(took)
                without, with_ = median(sides[0]), median(sides[1])
                added = median(after - before for before, after in zip(*sides, strict=True))
                figures[f"{pair}, {carrier}"] = {
                    "called bare µs": without,
                    "called added µs": added,
                    "called ratio": without / with_,
                }
    return figures


async def _call(app: App, headers: list[tuple[bytes, bytes]], times: int = 200) -> float:
    """Microseconds of this thread's time for one request: what other processes take does not count."""

    async def send(message: Any) -> None:
        pass

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    began = time.thread_time()
    for _ in range(times):
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": "/",
            "raw_path": b"/",
            "query_string": b"",
            "root_path": "",
            "headers": headers,
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 8000),
        }
        await app(scope, receive, send)
    return (time.thread_time() - began) / times * 1e6


# -- served ------------------------------------------------------------------------------------------------------------


def serve(name: str, port: int) -> None:
    """Serve one application until the process is ended; prints its credentials as a line of JSON first."""
    import uvicorn

    auth = _new_auth()
    app = applications(auth)[name]

    async def run() -> None:
        async with auth:
            print(json.dumps(await _credentials(auth)), flush=True)
            config = uvicorn.Config(
                app, port=port, log_level="error", access_log=False, lifespan="off", loop="uvloop", http="httptools"
            )
            await uvicorn.Server(config).serve()

    uvloop.run(run())


def _served(rounds: int, seconds: float) -> dict[str, dict[str, float]]:
    figures = {}
    for pair, names in PAIRS.items():
        servers = [_Server(name) for name in names]
        try:
            for carrier in CARRIERS:
                credential = servers[1].credentials[carrier]
                sides = [[], []]  # type: list[list[float]]
                for number in range(rounds + 1):
                    for side, server in zip(sides, servers, strict=True):
                        rate = _load(server, credential, seconds)
                        if number:
                            side.append(rate)
                ratio = median(after / before for before, after in zip(*sides, strict=True))
                bare = median(sides[0])
                figures[f"{pair}, {carrier}"] = {
                    "served bare /s": bare,
                    "served added µs": 1e6 / (bare * ratio) - 1e6 / bare,
                    "served ratio": ratio,
                }
        finally:
            for server in servers:
                server.stop()
    return figures


class _Server:
    """uvicorn with one of the applications, in a process of its own on the last core."""

    def __init__(self, name: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        command = [sys.executable, "-m", "benchmarks.tax", "serve", name, str(self.port)]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1], preexec_fn=lambda: _pin(-1)
        )
        assert self._process.stdout is not None
        self.credentials: dict[str, dict[str, str]] = json.loads(self._process.stdout.readline())
        _pin(0)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"{name} does not listen")

    def ran_for(self) -> float:
        """Seconds that the process has been running on its core (Linux); elsewhere, that have passed."""
        try:
            return int(Path(f"/proc/{self._process.pid}/schedstat").read_text().split()[0]) / 1e9
        except OSError:
            return time.perf_counter()

    def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait()


def _pin(which: int) -> None:
    """Keep this process to one core, where there are two or more."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(os.getpid()) | set(range(os.cpu_count() or 1)))
        if len(cores) > 1:
            os.sched_setaffinity(os.getpid(), {cores[which]})


def _load(server: _Server, credential: dict[str, str], seconds: float) -> float:
    """Requests per second of the server's time."""
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in _header_lines(credential))
    request = b"GET / HTTP/1.1\r\n" + lines + b"\r\n"
    connections: dict[int, socket.socket] = {}
    with select.epoll() as poll:
        for _ in range(CONNECTIONS):
            connection = socket.create_connection(("127.0.0.1", server.port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            poll.register(connection, select.EPOLLIN)
            connections[connection.fileno()] = connection
            connection.send(request)
        try:
            _ask_again(poll, connections, request, seconds / 10)
            began = server.ran_for()
            return _ask_again(poll, connections, request, seconds) / (server.ran_for() - began)
        finally:
            for connection in connections.values():
                connection.close()


def _ask_again(poll: select.epoll, connections: dict[int, socket.socket], request: bytes, seconds: float) -> int:
    """Ask each connection again as soon as it has answered; how many answers there were."""
    answered, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        for number, _ in poll.poll(0):
            data = connections[number].recv(65536)
            if data.endswith((b"ok", b'"ok"')):  # the body may come after the head
                answered += 1
                connections[number].send(request)
            elif not data.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"an unexpected answer: {data[:200]!r}")
    return answered


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(sys.argv[2], int(sys.argv[3]))
    else:
        for title, measured in measure().items():
            print(f"{title:50} {measured['value']:12,.3f} {measured['unit']}")
