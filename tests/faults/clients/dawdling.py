"""Clients that take their time, from one process of their own: ``python -m tests.faults.clients.dawdling``.

As slowhttptest has them: heads that never end (-H), bodies byte by byte (-B), answers that are not read (-X). Who is
closed comes back, so that there are always as many. It reads a ``Task`` from its standard input and writes ``Dawdled``.
"""

import asyncio
import random
import resource
import socket
import sys
import time
from collections import Counter
from contextlib import suppress

import msgspec
from msgspec import Struct

from tests.faults.clients.apart import Apart
from tests.serving import Serving

PIECE_EVERY = 2.0
UNREAD_FOR = 40.0
FEW, MANY = 3, 400
"""Answers of 12 KB that one reader asks for: what the kernel holds, and more than it holds."""

ASKED = b"GET /auth/static/coatcheck.css HTTP/1.1\r\nHost: localhost\r\n"
POSTED = (
    b"POST /auth/api/login HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: application/json\r\nContent-Length: 4000\r\n\r\n"
)


class Task(Struct):
    """So many of each kind, for ``seconds``. ``greedy`` of the readers ask for many answers."""

    port: int
    heads: int
    bodies: int
    readers: int
    greedy: int
    seconds: float
    seed: int


class Dawdled(Struct):
    """What became of them: how often one was closed after how many seconds, by kind, and what it was told."""

    opened: int
    refused: int
    held: dict[str, list[float]]
    told: dict[str, dict[str, int]]
    cut_off: int


class Dawdling:
    """The process, from the beginning."""

    def __init__(self, serving: Serving, seconds: float, **task: float) -> None:
        self._apart = Apart("tests.faults.clients.dawdling", seconds, port=serving.port, **task)

    def end(self) -> Dawdled:
        """Wait until all have gone."""
        return self._apart.end(Dawdled)


class Crowd:
    """All of them, and what they saw."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._dice = random.Random(task.seed)
        self._opened = self._refused = self._cut_off = 0
        self._held: dict[str, list[float]] = {"head": [], "body": []}
        self._told: dict[str, Counter[str]] = {"head": Counter(), "body": Counter()}

    async def dawdle(self) -> Dawdled:
        """Until the time is over."""
        task = self._task
        kinds = [
            *(("head", ASKED + b"X-More: ") for _ in range(task.heads)),
            *(("body", POSTED) for _ in range(task.bodies)),
        ]
        with suppress(TimeoutError):
            async with asyncio.timeout(task.seconds), asyncio.TaskGroup() as group:
                for kind, begin in kinds:
                    group.create_task(self._again_and_again(kind, begin))
                for number in range(task.readers):
                    group.create_task(self._do_not_read(MANY if number < task.greedy else FEW))
        told = {kind: dict(each) for kind, each in self._told.items()}
        return Dawdled(self._opened, self._refused, self._held, told, self._cut_off)

    async def _again_and_again(self, kind: str, begin: bytes) -> None:
        await asyncio.sleep(self._dice.uniform(0, 2))
        while True:
            connected = await self._connect()
            if connected is None:
                continue
            reader, writer = connected
            began = time.monotonic()
            writer.write(begin)
            told = asyncio.create_task(_until_closed(reader))
            while not told.done():
                await asyncio.wait([told], timeout=self._dice.uniform(0.5, 1.5) * PIECE_EVERY)
                if not told.done():
                    writer.write(b"a")
            self._held[kind].append(told.result()[1] - began)
            self._told[kind][told.result()[0]] += 1
            writer.transport.abort()

    async def _do_not_read(self, answers: int) -> None:
        await asyncio.sleep(self._dice.uniform(0, 2))
        while True:
            connected = await self._connect(buffer=4096)
            if connected is None:
                continue
            reader, writer = connected
            reader._transport.pause_reading()  # type: ignore[attr-defined]
            writer.write((ASKED + b"\r\n") * answers)
            await asyncio.sleep(UNREAD_FOR)
            reader._transport.resume_reading()  # type: ignore[attr-defined]
            received = 0
            with suppress(OSError):
                while piece := await reader.read(65_536):
                    received += len(piece)
            self._cut_off += received < answers * 12_000
            writer.transport.abort()

    async def _connect(self, buffer: int = 0) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        client = socket.socket()
        client.setblocking(False)
        if buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        try:
            await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", self._task.port))
        except OSError:
            client.close()
            self._refused += 1
            await asyncio.sleep(1)
            return None
        self._opened += 1
        return await asyncio.open_connection(sock=client)


async def _until_closed(reader: asyncio.StreamReader) -> tuple[str, float]:
    """The first status that came, "none" without one, and when it was closed."""
    received = b""
    with suppress(OSError):
        while piece := await reader.read(65_536):
            received += piece
    return received[9:12].decode() or "none", time.monotonic()


if __name__ == "__main__":
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(Crowd(task).dawdle())))
