"""Clients that take their time to hold what a server has: connections, memory, descriptors.

HT-01, HT-02: a head, a body and the reading of an answer have deadlines that no single byte puts off, and descriptors
are left for the database. Over TLS that holds before a handshake too. Whoever waits for an answer that is held back, or
reads slowly, is not touched.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from coatcheck.auth import Auth
from coatcheck.cli.serving.deadlines import Deadlines
from coatcheck.cli.serving.listening import listen
from coatcheck.cli.serving.uvicorn_server import server_for
from coatcheck.errors import RequestMalformed
from coatcheck.settings import Settings
from coatcheck.web.bodies import read_body
from tests import databases
from tests.certificates import certify
from tests.serving import free_port

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("protocol", [HttpToolsProtocol, H11Protocol], ids=["httptools", "h11"]),
]

HEAD = b"GET /auth/healthz HTTP/1.1\r\nHost: localhost\r\n"
SHORT = Deadlines(head=0.5, unread=0.5)
LONGER = 2.0
BY_THEN = 15.0
"""Seconds: the server looks once a second, on a machine that does other things too. What never ends is found out."""

LOOPS = pytest.mark.parametrize(
    "anyio_backend", [("asyncio", {"use_uvloop": each}) for each in (False, True)], ids=["asyncio", "uvloop"]
)


async def test_a_head_that_never_ends_is_refused_in_time(protocol: Any):
    async with _served(protocol) as port, _connected(port) as (reader, writer):
        began = time.monotonic()
        async with _byte_by_byte(writer, HEAD + b"X-More: " + b"a" * 1000):
            answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"\r\nconnection: close\r\n" in answer
        assert b"\r\ndate: " in answer
        assert time.monotonic() - began < BY_THEN


async def test_who_says_nothing_is_told_nothing(protocol: Any):
    async with _served(protocol) as port, _connected(port) as (reader, _):
        async with asyncio.timeout(BY_THEN):
            assert await reader.read() == b""


async def test_a_second_head_has_no_more_time_than_the_first(protocol: Any):
    async with _served(protocol) as port, _connected(port) as (reader, writer):
        writer.write(HEAD + b"\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        began = time.monotonic()
        async with _byte_by_byte(writer, HEAD + b"X-More: " + b"a" * 1000):
            assert b"HTTP/1.1 408 " in await reader.readuntil(b"408 Request Timeout\r\n")
        assert time.monotonic() - began < BY_THEN


async def test_a_body_that_nobody_waits_for_is_not_waited_for(protocol: Any):
    async with _served(protocol) as port, _connected(port) as (reader, writer):
        writer.write(HEAD + b"Content-Length: 1000\r\n\r\n")
        began = time.monotonic()
        async with _byte_by_byte(writer, b"a" * 1000):
            answer = await reader.readuntil(b"\r\n\r\n")
            with suppress(ConnectionResetError):
                answer += await reader.read()
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"408" not in answer, "it would be taken for the answer to the next request"
        assert time.monotonic() - began < BY_THEN


async def test_a_body_byte_by_byte_has_one_deadline_for_all_of_it(protocol: Any):
    refused = asyncio.get_running_loop().create_future()

    async def reads(scope: Any, receive: Any, send: Any) -> None:
        began = time.monotonic()
        with pytest.raises(RequestMalformed):
            await read_body(receive, scope["headers"], 1000, timedelta(seconds=0.5))
        refused.set_result(time.monotonic() - began)
        await _answer(send, b"too late")

    async with _served(protocol, reads) as port, _connected(port) as (_, writer):
        writer.write(HEAD + b"Content-Length: 1000\r\n\r\n")
        async with _byte_by_byte(writer, b"a" * 1000):
            assert await refused < 1.5


async def test_who_does_not_read_is_cut_off(protocol: Any):
    ended = asyncio.Event()

    async def answers(_: Any, __: Any, send: Any) -> None:
        await _answer(send, *(b"a" * 65_536 for _ in range(100)))
        ended.set()

    async with _served(protocol, answers) as port, _connected(port, limit=1024) as (_, writer):
        writer.write(HEAD + b"\r\n")
        async with asyncio.timeout(BY_THEN):
            await ended.wait()


async def test_who_does_not_read_what_was_left_at_the_end_is_cut_off_too(protocol: Any):
    async def answers(_: Any, __: Any, send: Any) -> None:
        await _answer(send, b"a" * 60_000)  # so little that nobody waits for it to be sent

    async with _served(protocol, answers) as port, _connected(port, limit=1024) as (reader, writer):
        writer.write(HEAD + b"Connection: close\r\n\r\n")
        await asyncio.sleep(LONGER + 1)
        assert len(await reader.read()) < 60_000


async def test_who_asks_on_and_on_and_reads_nothing_is_cut_off_without_a_fuss(
    protocol: Any, caplog: pytest.LogCaptureFixture
):
    ended = asyncio.Event()

    async def answers(_: Any, __: Any, send: Any) -> None:
        try:
            await _answer(send, *(b"a" * 65_536 for _ in range(20)))
        finally:
            ended.set()

    async with _served(protocol, answers) as port, _connected(port, limit=1024) as (_, writer):
        writer.write((HEAD + b"\r\n") * 5)
        async with asyncio.timeout(BY_THEN):
            await ended.wait()
        await asyncio.sleep(0.1)
    assert [record.message for record in caplog.records] == []


async def test_who_reads_slowly_gets_everything(protocol: Any):
    async def answers(_: Any, __: Any, send: Any) -> None:
        await _answer(send, b"a" * 400_000)

    async with _served(protocol, answers) as port, _connected(port, limit=1024) as (reader, writer):
        writer.write(HEAD + b"Connection: close\r\n\r\n")
        began, received = time.monotonic(), 0
        while piece := await reader.read(65_536):
            received += len(piece)
            await asyncio.sleep(LONGER * len(piece) / 400_000)
        assert received > 400_000
        assert time.monotonic() - began >= LONGER


async def test_an_answer_that_is_held_back_is_awaited(protocol: Any):
    async def holds(_: Any, __: Any, send: Any) -> None:
        await asyncio.sleep(LONGER)
        await _answer(send, b"news")

    async with _served(protocol, holds) as port, _connected(port) as (reader, writer):
        writer.write(HEAD + b"Connection: close\r\n\r\n")
        assert (await reader.read()).endswith(b"news")


async def test_descriptors_are_left_for_what_is_no_client(protocol: Any, caplog: pytest.LogCaptureFixture):
    most = _a_descriptor_above(60 + 60)
    async with _served(protocol, descriptors=most, deadlines=Deadlines()) as port:
        with ExitStack() as stack:
            clients = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(60)]
            await asyncio.sleep(0.3)
            for client in clients:
                client.setblocking(False)
            closed = [client for client in clients if _is_closed(client)]
            assert 0 < len(closed) < 60, "some were let in; how many depends on what else this process has open"
        await asyncio.sleep(0.3)
        async with _connected(port) as (reader, writer):
            writer.write(HEAD + b"\r\n")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    assert sum("no more clients are let in" in record.message for record in caplog.records) == 1


@LOOPS
@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01"], ids=["nothing", "the beginning of a ClientHello"])
async def test_a_handshake_that_never_ends_is_given_up_in_time(protocol: Any, said: bytes, tls: dict[str, Any]):
    async with _served(protocol, **tls) as port, _connected(port) as (reader, writer):
        writer.write(said)
        async with asyncio.timeout(BY_THEN):
            with suppress(ConnectionResetError):
                assert await reader.read() == b""


@LOOPS
async def test_descriptors_are_left_though_nobody_shakes_hands(
    protocol: Any, tls: dict[str, Any], caplog: pytest.LogCaptureFixture
):
    most = _a_descriptor_above(60 + 60)
    async with _served(protocol, descriptors=most, deadlines=Deadlines(head=600.0), **tls) as port:
        with ExitStack() as stack:
            clients = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(60)]
            for client in clients:
                client.setblocking(False)
            async with asyncio.timeout(BY_THEN):
                while not any(map(_is_closed, clients)):  # noqa: ASYNC110 - nothing tells of it
                    await asyncio.sleep(0.01)
            assert not all(map(_is_closed, clients))
        assert await _asked_over_tls(port, tls)
    assert sum("no more clients are let in" in record.message for record in caplog.records) == 1


@LOOPS
async def test_no_end_waits_for_a_handshake(protocol: Any, tls: dict[str, Any], caplog: pytest.LogCaptureFixture):
    async with AsyncExitStack() as clients:
        async with _served(protocol, deadlines=Deadlines(head=600.0), **tls) as port:
            reader, _ = await clients.enter_async_context(_connected(port))
            assert await _asked_over_tls(port, tls)
        async with asyncio.timeout(BY_THEN):
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
    assert [record.message for record in caplog.records] == []


@pytest.fixture
def tls(tmp_path: Path) -> dict[str, Any]:
    """What the server is told: the files of a certificate for ``localhost`` and of its key."""
    files = {"ssl_certfile": tmp_path / "cert.pem", "ssl_keyfile": tmp_path / "key.pem"}
    for file, text in zip(files.values(), certify(x509.DNSName("localhost"), called="localhost"), strict=True):
        file.write_bytes(text)
    return {name: str(file) for name, file in files.items()}


async def _asked_over_tls(port: int, tls: dict[str, Any]) -> bool:
    """Whether it answers, as soon as it lets somebody in."""
    context = ssl.create_default_context(cafile=tls["ssl_certfile"])
    async with asyncio.timeout(BY_THEN):
        while True:
            with suppress(ConnectionError, ssl.SSLError):
                async with _connected(port, ssl=context, server_hostname="localhost") as (reader, writer):
                    writer.write(HEAD + b"\r\n")
                    return (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
            await asyncio.sleep(0.05)


def _a_descriptor_above(count: int) -> int:
    """A number below which so many are free."""
    with ExitStack() as stack:  # clients are in the same process, and so is what the server opens for itself
        return max(stack.enter_context(socket.socket()).fileno() for _ in range(count))


@asynccontextmanager
async def _served(
    protocol: Any,
    app: Callable[[Any, Any, Any], Awaitable[None]] | None = None,
    *,
    deadlines: Deadlines = SHORT,
    **more: Any,
) -> AsyncIterator[int]:
    """Serve an installation, or ``app`` in its place, until the block ends; the port."""
    port = free_port()
    auth = Auth(Settings(**{**databases.settings, "url": f"http://localhost:{port}"}))
    server = server_for(auth, deadlines=deadlines, protocol=protocol, **more)
    if app is not None:
        server.config.app, server.config.lifespan = app, "off"
    with listen("127.0.0.1", port, otherwise="") as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.005)
        try:
            yield port
        finally:
            server.stop()
            await serving


@asynccontextmanager
async def _connected(port: int, **more: Any) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=client, **more)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


@asynccontextmanager
async def _byte_by_byte(writer: asyncio.StreamWriter, what: bytes) -> AsyncIterator[None]:
    async def send() -> None:
        for byte in what:
            writer.write(bytes([byte]))
            await asyncio.sleep(0.05)

    sending = asyncio.create_task(send())
    try:
        yield
    finally:
        sending.cancel()


async def _answer(send: Any, *pieces: bytes) -> None:
    length = str(sum(map(len, pieces))).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _is_closed(client: socket.socket) -> bool:
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True
