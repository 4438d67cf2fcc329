"""A relay in front of a server: over TLS, or late. It runs in a thread of its own."""

import asyncio
import ssl
import threading
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509

from tests.certificates import certify


class Relay:
    """Passes on what comes in to ``target``, a port of this machine, each piece ``delay`` seconds after it came.

    Both may be changed, for connections to come.
    """

    def __init__(self, target: int, *, delay: float = 0.0, tls: ssl.SSLContext | None = None) -> None:
        self.port = 0
        self.delay = delay
        self.target = target
        self._tls = tls
        self._is_ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Relay":
        self._thread.start()
        assert self._is_ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._task = self._loop.create_task(self._serve())
        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._task)
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
            with suppress(asyncio.CancelledError):
                self._loop.run_until_complete(task)
        self._loop.run_until_complete(asyncio.sleep(0.2))  # a handshake that was refused is still being closed
        self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._pass, "127.0.0.1", 0, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        self._is_ready.set()
        async with server:
            await asyncio.Event().wait()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        both = self._copy(reader, back, is_question=True), self._copy(there, writer, is_question=False)
        ways = [asyncio.create_task(way) for way in both]
        with suppress(asyncio.CancelledError):  # it ends: asyncio complains of a connection's task that was cancelled
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        for each in (writer, back):
            each.close()
        for each in (writer, back):
            with suppress(OSError, ssl.SSLError, asyncio.CancelledError):
                await each.wait_closed()

    async def let_pass(self, piece: bytes, *, is_question: bool) -> None:
        """Returns when ``piece`` may go on: at once here. ``is_question`` when it comes from who connected."""

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_question: bool) -> None:
        loop, late = asyncio.get_running_loop(), asyncio.Queue[tuple[float, bytes]]()

        async def write() -> None:
            while True:
                at, piece = await late.get()
                await asyncio.sleep(at - loop.time())
                await self.let_pass(piece, is_question=is_question)
                writer.write(piece)
                await writer.drain()

        writing = asyncio.create_task(write())
        try:
            with suppress(OSError):
                while piece := await reader.read(65536):
                    late.put_nowait((loop.time() + self.delay, piece))
        finally:
            writing.cancel()


def certificate(folder: Path, name: str = "127.0.0.1") -> tuple[ssl.SSLContext, Path]:
    """A server's side of TLS for ``name``, and the file of who vouches for it."""
    made = certify(x509.IPAddress(ip_address(name)), called=name)
    public, private = folder / "cert.pem", folder / "key.pem"
    public.write_bytes(made.public)
    private.write_bytes(made.private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return context, public
