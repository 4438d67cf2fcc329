"""The process above the workers of ``coatcheck serve``: starts them, starts another when one dies, replaces them on
SIGHUP, and ends them on SIGTERM.

Ours and not uvicorn's, because a worker here has a name in every receipt, must have said goodbye before its process is
gone, and holds up barriers when it was killed: its successor starts at once and clears away its registration, which
nobody else may do before W has passed (``docs/revocation.md``, rule 15).
"""

import asyncio
import os
import signal
import socket
import sys
from secrets import token_hex
from typing import Final

from coatcheck.cli.outcome import TROUBLE, say_error, say_warning

_READY_WITHIN: Final = 30.0
_END_WITHIN: Final = 20.0
"""Seconds: ten for the requests under way, then the last touches and the goodbye."""

_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 5.0
"""Seconds before another try when a worker did not come to serve. One that served and died is replaced at once."""


class Worker:
    """One worker process. ``channel`` tells us that it is ready, and tells it when we are gone."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, channel: socket.socket) -> None:
        self.name = name
        self.process = process
        self._channel = channel
        self.is_ready = False

    @classmethod
    async def begin(
        cls, name: str, listener: socket.socket, *, replaces: str | None, denies: bool, tls: list[str]
    ) -> "Worker":
        """Start a process of its own session, so that Ctrl-C reaches only the one that keeps them."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "coatcheck.cli.serving.worker",
                *("--listener", str(listener.fileno()), "--channel", str(theirs.fileno()), "--name", name),
                *(("--replaces", replaces) if replaces else ()),
                *(("--denies",) if denies else ()),
                *tls,
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(listener.fileno(), theirs.fileno()),
                start_new_session=True,
            )
        return cls(name, process, ours)

    async def becomes_ready(self) -> bool:
        """Wait until it serves; False when it ended first or took too long."""
        try:
            async with asyncio.timeout(_READY_WITHIN):
                self.is_ready = bool(await asyncio.get_running_loop().sock_recv(self._channel, 16))
        except (TimeoutError, OSError):
            return False
        return self.is_ready

    async def ended(self) -> int:
        """Wait for its end and return the exit code; negative for a signal."""
        code = await self.process.wait()
        self._channel.close()
        return code

    def signal(self, number: int) -> None:
        """Send a signal, if it still runs."""
        if self.process.returncode is None:
            self.process.send_signal(number)


class Supervisor:
    """``count`` workers over one listening socket. ``name`` is what receipts call them, before their number."""

    def __init__(self, count: int, listener: socket.socket, *, name: str, tls: list[str]) -> None:
        self._count = count
        self._listener = listener
        self._name = name
        self._tls = tls
        self._denies = False
        self._serving: dict[int, Worker] = {}
        self._living: set[Worker] = set()
        self._is_over = asyncio.Event()
        self._code = 0
        self._reloading: asyncio.Task[None] | None = None

    async def run(self) -> int:
        """Serve until SIGTERM or SIGINT; return the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._is_over.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        loop.add_signal_handler(signal.SIGUSR1, self._deny, True)
        loop.add_signal_handler(signal.SIGUSR2, self._deny, False)
        slots = [asyncio.create_task(self._keep(slot)) for slot in range(1, self._count + 1)]
        await self._is_over.wait()
        for task in (*slots, *((self._reloading,) if self._reloading else ())):
            task.cancel()
        await self._end()
        return self._code

    async def _keep(self, slot: int) -> None:
        """Whatever happens, one worker serves in this slot."""
        pause, predecessor = 0.0, None
        while True:
            worker = self._serving.get(slot)
            if worker is None:
                worker = self._serving[slot] = await self._begin(slot, replaces=predecessor)
                if await worker.becomes_ready():
                    self._tell(worker)  # the switch may have been thrown while it started
                else:
                    worker.signal(signal.SIGKILL)
            code = await worker.ended()
            self._living.discard(worker)
            if self._serving[slot] is not worker:  # replaced by a reload
                pause, predecessor = 0.0, None
                continue
            del self._serving[slot]
            predecessor = worker.name
            if not worker.is_ready and not any(each.is_ready for each in self._serving.values()):
                self._give_up(code)
                return
            say_warning(f"{worker.name} {_how(code)}; another one starts")
            pause = 0.0 if worker.is_ready else min(max(_FIRST_PAUSE, pause * 2), _LONGEST_PAUSE)
            await asyncio.sleep(pause)

    async def _begin(self, slot: int, *, replaces: str | None = None) -> Worker:
        # A name is never used twice: a successor clears away the registrations under its predecessor's.
        name = f"{self._name} worker {slot} #{token_hex(4)}"
        worker = await Worker.begin(name, self._listener, replaces=replaces, denies=self._denies, tls=self._tls)
        self._living.add(worker)
        return worker

    def _deny(self, is_denied: bool) -> None:
        """The local switch, for everything (``docs/revocation.md``, rule 19): pass it on to whoever serves."""
        self._denies = is_denied
        for worker in self._living:
            if worker.is_ready:
                self._tell(worker)

    def _tell(self, worker: Worker) -> None:
        worker.signal(signal.SIGUSR1 if self._denies else signal.SIGUSR2)

    def _reload(self) -> None:
        if self._reloading is None or self._reloading.done():
            self._reloading = asyncio.create_task(self._replace_all())

    async def _replace_all(self) -> None:
        """One after the other: the new one serves before the old one is asked to end."""
        for slot, old in sorted(self._serving.items()):
            new = await self._begin(slot)
            if not await new.becomes_ready():
                new.signal(signal.SIGKILL)
                say_error(f"{new.name} did not start; the ones before go on")
                self._living.discard(new)
                return
            self._tell(new)
            if self._serving.get(slot) is old:
                self._serving[slot] = new
                old.signal(signal.SIGTERM)
            else:  # it died meanwhile, and another one took its place
                new.signal(signal.SIGTERM)

    def _give_up(self, code: int) -> None:
        """Nothing serves and nothing starts: trying again would fail the same way. The worker has said why."""
        self._code = code if code > 0 else TROUBLE
        self._is_over.set()

    async def _end(self) -> None:
        living = list(self._living)
        for worker in living:
            worker.signal(signal.SIGTERM)
        endings = asyncio.gather(*(worker.process.wait() for worker in living))
        try:
            async with asyncio.timeout(_END_WITHIN):
                await asyncio.shield(endings)
        except TimeoutError:
            for worker in living:
                worker.signal(signal.SIGKILL)
            await endings


def _how(code: int) -> str:
    if code >= 0:
        return f"ended with code {code}"
    return f"was killed ({signal.Signals(-code).name})"


def host_name() -> str:
    """What this machine is called, for the names of workers."""
    return os.uname().nodename
