"""Several checking processes, and what they are told to check."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from tests.faults.proxying import ROOT
from tests.faults.verifiers.checking_process import Order, Role, Token
from tests.faults.verifiers.decisions import Run, load


class Checker:
    """One checking process. ``prefix`` is what its command begins with (``ip netns exec …``)."""

    def __init__(
        self, folder: Path, name: str, environment: dict[str, str], prefix: tuple[str, ...] = (), **role: Any
    ) -> None:
        self.name = name
        self.output = folder / f"{name}.output"
        self._runs = folder / f"{name}.runs"
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [*prefix, sys.executable, "-m", "tests.faults.verifiers.checking_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                env=environment,
                cwd=ROOT,
            )
        self._write(Role(name=name, runs=str(self._runs), **role))

    def wait_until_ready(self) -> None:
        """Until it checks."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n", self.output.read_text()

    def obey(self, order: Order) -> None:
        """Tell it what to check."""
        self._write(order)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stopped until the block ends."""
        pause(self.process.pid)
        try:
            yield
        finally:
            os.kill(self.process.pid, signal.SIGCONT)

    def end(self) -> list[Run]:
        """End it; everything that it decided."""
        self.process.communicate(timeout=60)
        assert self.process.returncode == 0, self.output.read_text()
        return load(self._runs)

    def kill(self) -> None:
        """End it at once, if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

    def _write(self, line: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(msgspec.json.encode(line) + b"\n")
        self.process.stdin.flush()


class Fleet:
    """All of them: each checks every token."""

    def __init__(self) -> None:
        self.checkers: list[Checker] = []
        self._checked: dict[int, Token] = {}

    def __enter__(self) -> "Fleet":
        return self

    def __exit__(self, *_: object) -> None:
        for checker in self.checkers:
            checker.kill()

    def add(self, *checkers: Checker) -> None:
        """Take checkers in, when they are ready."""
        for checker in checkers:
            checker.wait_until_ready()
            checker.obey(Order(add=list(self._checked.values())))
        self.checkers += checkers

    def check(self, tokens: Iterable[Token] = (), *, drop: Iterable[int] = ()) -> None:
        """From now on these too, and those no longer."""
        order = Order(add=list(tokens), drop=list(drop))
        self._checked.update({token.number: token for token in order.add})
        for number in order.drop:
            self._checked.pop(number, None)
        for checker in self.checkers:
            checker.obey(order)

    def end(self) -> list[Run]:
        """End all; everything that was decided."""
        return [run for checker in self.checkers for run in checker.end()]


def pause(pid: int) -> None:
    """Stop a process and wait until it has stopped."""
    os.kill(pid, signal.SIGSTOP)
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        time.sleep(0.001)
