"""A proxy that breaks things: ``python -m tests.faults.chaos_proxy --listen 8001 --target 127.0.0.1:8000 --seed 1``.

It understands as much HTTP/1.1 as it needs to know where a message ends. Each line on its standard input is the faults
from then on, as JSON (``Faults``; ``{}`` mends everything); it answers with a line that says what it has done so far
(``Counts``). ``tests.faults.proxying`` starts it and speaks to it.
"""

import argparse
import asyncio
import random
import socket
import sys
from collections import deque
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import msgspec
from msgspec import Struct

KEPT = 50
"""Old answers that may be replayed."""

APART = 0.01
"""Seconds between an answer and its repetition."""

GARBAGE = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 29\r\n\r\n<html>Log in to Wi-Fi</html>\r",
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n[1, 2, 3]",
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 8\r\n\r\n\xff\xfe\x00{\x80\x81}}",
    b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 70\r\n\r\n{"head": {"epoch": "x"',
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nlocation: http://localhost:1/elsewhere\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 404 Not Found\r\ncontent-type: text/plain\r\ncontent-length: 9\r\n\r\nnot found",
    b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 4\r\n\r\noops",
    b"HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\ncontent-length: 13\r\n\r\n<h1>502</h1>\r",
    b"HTTP/1.1 429 Too Many Requests\r\nretry-after: soon\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n" + b"[" * 100_000,
    b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
)


class Faults(Struct, forbid_unknown_fields=True):
    """What is broken. Spans are seconds, chances lie between 0 and 1 and are drawn for each answer.

    ``black_hole``: everything stands still, and goes on where it stood when that is mended, as TCP does after a cut.
    ``deaf``: questions arrive, answers stand still. ``mute``: questions stand still. ``refuse``: nobody listens.
    ``stall``, ``jitter``: answers come later, at once when that is mended. ``hold``: answers are collected and let go
    together, this often. ``drop``: an answer never comes. ``cut``: it ends in the middle. ``repeat``: it comes twice.
    ``replay``: an older answer of any connection comes instead. ``freeze``: the newest one that is known, as from a
    cache that nobody asked for. ``garbage``: something that makes no sense.
    """

    black_hole: bool = False
    deaf: bool = False
    mute: bool = False
    refuse: bool = False
    stall: float = 0.0
    jitter: float = 0.0
    hold: float = 0.0
    cut: float = 0.0
    drop: float = 0.0
    replay: float = 0.0
    freeze: float = 0.0
    repeat: float = 0.0
    garbage: float = 0.0
    only: str = ""
    """The chances and spans are for answers to requests whose path holds this."""


class Counts(Struct):
    """What happened so far; ``requests`` by method and path."""

    connections: int = 0
    answers: int = 0
    stalled: int = 0
    held: int = 0
    cut: int = 0
    dropped: int = 0
    replayed: int = 0
    repeated: int = 0
    garbled: int = 0
    requests: dict[str, int] = {}


class Proxy:
    """Carries messages to ``target`` and back, under the faults of the moment."""

    def __init__(self, target: tuple[str, int], dice: random.Random) -> None:
        self._target = target
        self._dice = dice
        self._faults = Faults()
        self._changed = asyncio.Event()
        self._old: deque[bytes] = deque(maxlen=KEPT)
        self._released = asyncio.Event()
        self._connections: set[asyncio.StreamWriter] = set()
        self.counts = Counts()

    def set(self, faults: Faults) -> None:
        """Break what ``faults`` says, and mend the rest."""
        self._faults = faults
        if faults.refuse:
            for writer in self._connections:
                writer.transport.abort()
        self._changed.set()
        self._changed = asyncio.Event()

    async def release(self) -> None:
        """Let go together what was held, for ever."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._faults.hold or 60):
                    await self._changed.wait()
            self._released.set()
            self._released = asyncio.Event()

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a client, until one of the sides has enough."""
        self.counts.connections += 1
        self._connections.add(writer)
        onward: asyncio.StreamWriter | None = None
        try:
            if self._faults.refuse:
                return
            await self._while("black_hole", "mute")
            back, onward = await asyncio.open_connection(*self._target, limit=1 << 24)
            question = await read_message(reader)
            while question is not None:
                question = await self._exchange(question, reader, writer, back, onward)
        except (OSError, EOFError, ValueError):
            pass
        finally:
            self._connections.discard(writer)
            for each in (writer, onward):
                if each is not None:
                    each.transport.abort() if self._faults.refuse else each.close()

    async def _exchange(
        self,
        question: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        back: asyncio.StreamReader,
        onward: asyncio.StreamWriter,
    ) -> bytes | None:
        """Carry one question and its answer; return the next question, None when the client has gone."""
        line = question.partition(b" HTTP/")[0].decode("latin-1").partition("?")[0]
        self.counts.requests[line] = self.counts.requests.get(line, 0) + 1
        await self._while("black_hole", "mute")
        onward.write(question)
        following = asyncio.create_task(read_message(reader))
        following.add_done_callback(lambda task: task.cancelled() or task.exception())  # nobody may be left to look
        answering = asyncio.create_task(self._answer(line, back, writer))
        await asyncio.wait((following, answering), return_when=asyncio.FIRST_COMPLETED)
        if following.done():  # the client has gone, or speaks out of turn
            answering.cancel()
            with suppress(asyncio.CancelledError):
                await answering
            return None
        if not await answering:
            following.cancel()
            return None
        return await following

    async def _answer(self, line: str, back: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Bring one answer; False when the connection is over then."""
        answer = await read_message(back)
        if answer is None:
            return False
        self.counts.answers += 1
        told, again, go_on = answer, b"", True
        faults = self._faults
        if not faults.only or faults.only in line:
            await self._delay(faults)
            if self._happens(faults.drop):
                self.counts.dropped += 1
                await asyncio.Event().wait()
            elif self._happens(faults.garbage):
                self.counts.garbled += 1
                told, go_on = self._dice.choice(GARBAGE), False
            elif self._happens(faults.cut):
                self.counts.cut += 1
                told, go_on = answer[: self._dice.randrange(1, len(answer))], False
            elif self._happens(faults.repeat):
                self.counts.repeated += 1
                again = answer
            elif self._old and self._happens(faults.replay):
                self.counts.replayed += 1
                told = self._dice.choice(self._old)
            elif self._old and self._happens(faults.freeze):
                self.counts.replayed += 1
                told = self._old[-1]
            if told is answer:
                self._old.append(answer)
        await self._while("black_hole", "deaf")
        writer.write(told)
        await writer.drain()
        if again:
            await asyncio.sleep(APART)  # else a client that reads in blocks throws it away with the first
            writer.write(again)
        return go_on

    async def _delay(self, faults: Faults) -> None:
        if faults.stall or faults.jitter:
            self.counts.stalled += 1
            await asyncio.sleep(
                max(0.0, self._dice.uniform(faults.stall - faults.jitter, faults.stall + faults.jitter))
            )
        if faults.hold:
            self.counts.held += 1
            await self._released.wait()

    async def _while(self, *names: str) -> None:
        """Stand still as long as one of these is broken."""
        while any(getattr(self._faults, name) for name in names):
            await self._changed.wait()

    def _happens(self, chance: float) -> bool:
        return chance > 0 and self._dice.random() < chance


async def read_message(reader: asyncio.StreamReader) -> bytes | None:
    """One request or answer, whole; None at the end. Raises ValueError for what is not HTTP, EOFError for a half."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as ended:
        if ended.partial:
            raise
        return None
    first, *lines = head.lower().split(b"\r\n")
    fields = dict(line.split(b":", 1) for line in lines if line)
    if b"chunked" in fields.get(b"transfer-encoding", b""):
        return head + await _chunks(reader)
    if first.startswith((b"http/1.1 204", b"http/1.1 304")):
        return head
    return head + await reader.readexactly(int(fields.get(b"content-length", b"0")))


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    pieces = []
    while True:
        size = await reader.readuntil(b"\r\n")
        piece = await reader.readexactly(int(size, 16) + 2)
        pieces += [size, piece]
        if int(size, 16) == 0:
            return b"".join(pieces)


async def serve(port: int, target: tuple[str, int], seed: int) -> None:
    """Listen and obey until the standard input is closed."""
    proxy = Proxy(target, random.Random(seed))
    living: set[asyncio.Task[None]] = set()

    def keep(work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        living.add(task)
        task.add_done_callback(living.discard)

    listener = socket.create_server(("127.0.0.1", port), backlog=1000)
    async with await asyncio.start_server(
        lambda reader, writer: keep(proxy.converse(reader, writer)), sock=listener, limit=1 << 24
    ):
        keep(proxy.release())
        orders = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
        while order := await orders.readline():
            proxy.set(msgspec.json.decode(order, type=Faults))
            sys.stdout.write(msgspec.json.encode(proxy.counts).decode() + "\n")
            sys.stdout.flush()
        for task in tuple(living):
            task.cancel()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", type=int, required=True)
    parser.add_argument("--target", required=True)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    host, _, number = asked.target.rpartition(":")
    asyncio.run(serve(asked.listen, (host, int(number)), asked.seed))
