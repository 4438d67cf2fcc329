"""One worker process, as the supervisor sees it."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from typing import Final

from coatcheck.cli.serving.channel import Greeting, Report, next_said

_READY_WITHIN: Final = 30.0

CANT_BEGIN: Final = (OSError, RuntimeError)
"""What beginning raises where descriptors, memory, processes or threads are used up: asyncio waits for a process in a
thread of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What every worker is told: how many there are, seconds to serve on after SIGTERM, how to log, whether to count,
    and TLS options."""

    workers: int = 1
    drain_for: float = 0.0
    log_format: str = "text"
    measured: bool = False
    tls: tuple[str, ...] = ()

    @property
    def options(self) -> list[str]:
        """The same for a command line."""
        counts = ["--measured"] if self.measured else []
        told = ("--workers", str(self.workers), "--drain-for", str(self.drain_for), "--log-format", self.log_format)
        return [*told, *counts, *self.tls]


class Worker:
    """One worker process, in the place ``slot``. Over a channel it tells that it is ready, the ids of its ``secrets``
    and what it has counted, and learns when we are gone. When it is ready, the registrations of those that it
    ``replaces`` are cleared away."""

    def __init__(
        self,
        name: str,
        slot: int,
        replaces: Collection[str],
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.name = name
        self.slot = slot
        self.replaces = replaces
        self.process = process
        self._reader = reader
        self._writer = writer
        self.is_ready = False
        self.secrets: tuple[str, ...] = ()

    @classmethod
    async def begin(
        cls, name: str, slot: int, listener: socket.socket, orders: Orders, *, replaces: Collection[str], denies: bool
    ) -> "Worker":
        """Start a process of its own session, so that Ctrl-C reaches only the one that keeps them. Raises
        ``CANT_BEGIN``."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "coatcheck.cli.serving.worker",
                    *("--listener", str(listener.fileno()), "--channel", str(theirs.fileno()), "--name", name),
                    *(word for each in replaces for word in ("--replaces", each)),
                    *(("--denies",) if denies else ()),
                    *orders.options,
                    stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=(listener.fileno(), theirs.fileno()),
                    start_new_session=True,
                )
            return cls(name, slot, replaces, process, *await asyncio.open_connection(sock=ours))
        except BaseException:
            ours.close()  # if there is a process nevertheless, it ends
            raise

    async def becomes_ready(self) -> bool:
        """Wait until it serves; False when it ended first or took too long."""
        try:
            async with asyncio.timeout(_READY_WITHIN):
                greeting = await next_said(self._reader, Greeting)
        except (TimeoutError, OSError):
            return False
        if greeting is not None:
            self.is_ready, self.secrets = True, greeting.secrets
        return self.is_ready

    def ask(self, what: bytes) -> None:
        """Ask what it has counted."""
        self._writer.write(what)

    async def reports(self) -> AsyncIterator[Report]:
        """What it says, until its end."""
        while (report := await next_said(self._reader, Report)) is not None:
            yield report

    async def ends_within(self, seconds: float) -> bool:
        """Wait for its end; False when that takes longer."""
        try:
            async with asyncio.timeout(seconds):
                await self.process.wait()
        except TimeoutError:
            return False
        return True

    async def ended(self) -> int:
        """Wait for its end and return the exit code; negative for a signal."""
        code = await self.process.wait()
        self._writer.close()
        return code

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it still runs."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, number)  # Popen's own looks whether it has ended, and takes the code away


def how_ended(code: int) -> str:
    """An exit code in words."""
    return f"ended with code {code}" if code >= 0 else f"was killed ({signal.Signals(-code).name})"
