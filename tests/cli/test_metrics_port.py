"""The port for metrics is the supervisor's: whoever connects there and says nothing must not use up its descriptors."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from coatcheck.cli.serving.deadlines import Deadlines
from coatcheck.cli.serving.listening import listen
from coatcheck.cli.serving.metrics_server import MetricsServer
from coatcheck.metrics.reading import Reading

pytestmark = pytest.mark.anyio

SHORT = Deadlines(head=0.5, unread=0.5)
NEVER = Deadlines(head=3600.0, unread=3600.0)
AT_MOST = 60.0
"""Seconds, for what hangs."""

CLIENTS, CROWD = 5, 60
HEAD = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n"


async def test_who_says_nothing_is_cut_off() -> None:
    async with _served(deadlines=SHORT) as port, asyncio.timeout(AT_MOST):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await reader.read() == b""
        writer.close()


async def test_a_head_that_never_ends_is_refused() -> None:
    async with _served(deadlines=SHORT) as port, asyncio.timeout(AT_MOST):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD)
        assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
        writer.close()


async def test_a_crowd_is_turned_away_and_prometheus_is_answered_afterwards(caplog: pytest.LogCaptureFixture) -> None:
    async with _served(deadlines=NEVER, clients=CLIENTS) as port, asyncio.timeout(AT_MOST):
        crowd = [await asyncio.open_connection("127.0.0.1", port) for _ in range(CROWD)]
        ends = [asyncio.create_task(_end_of(reader)) for reader, _ in crowd]
        while sum(end.done() for end in ends) < CROWD - CLIENTS:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)
        for _, writer in crowd:
            writer.close()
        await asyncio.wait(ends)
        assert await _is_answered(port)
    said = "5 clients of --metrics are connected, and no more clients of --metrics are let in"
    assert [record.message for record in caplog.records] == [said]


async def test_prometheus_is_answered() -> None:
    async with _served() as port, asyncio.timeout(AT_MOST):
        assert await _is_answered(port)


@asynccontextmanager
async def _served(*, deadlines: Deadlines | None = None, clients: int = 32) -> AsyncIterator[int]:
    """Serve until the block ends; the port."""

    async def read() -> Reading:
        return Reading()

    with listen("127.0.0.1", 0, otherwise="") as listener:
        port: int = listener.getsockname()[1]
        server = MetricsServer(read, listener, clients=clients, deadlines=deadlines)
        serving = asyncio.create_task(server.run_until_told())
        try:
            yield port
        finally:
            server.should_exit = True
            await serving


async def _end_of(reader: asyncio.StreamReader) -> None:
    with suppress(ConnectionResetError):
        await reader.read()


async def _is_answered(port: int) -> bool:
    """Whether it answers, as soon as it lets somebody in."""
    answer = b""
    while not answer:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with suppress(ConnectionResetError):
            writer.write(HEAD + b"Connection: close\r\n\r\n")
            answer = await reader.read()
        writer.close()
    return answer.startswith(b"HTTP/1.1 200 ") and b"coatcheck_build_info" in answer
