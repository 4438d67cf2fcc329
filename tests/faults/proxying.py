"""Starting a chaos proxy, and telling it what to break."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from tests.faults.chaos_proxy import Counts, Faults
from tests.serving import free_port

ROOT = Path(__file__).parents[2]


class ChaosProxy:
    """A proxy in a process of its own, before whatever listens at ``target`` (``host:port``)."""

    def __init__(self, target: str, *, seed: int, port: int | None = None, prefix: tuple[str, ...] = ()) -> None:
        self.port = port or free_port()
        words = ("--listen", str(self.port), "--target", target, "--seed", str(seed))
        self._process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "tests.faults.chaos_proxy", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        self.mend()

    def __enter__(self) -> "ChaosProxy":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def break_with(self, **faults: Any) -> Counts:
        """From now on these faults and no others (``chaos_proxy.Faults``); what was counted so far."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(Faults(**faults)) + b"\n")
        self._process.stdin.flush()
        said = self._process.stdout.readline()
        assert said, "the proxy has died"
        return msgspec.json.decode(said, type=Counts)

    def mend(self) -> Counts:
        """From now on nothing is broken; what was counted so far."""
        return self.break_with()

    @contextmanager
    def broken(self, **faults: Any) -> Iterator[None]:
        """Broken so until the block ends."""
        self.break_with(**faults)
        try:
            yield
        finally:
            self.mend()

    def stop(self) -> None:
        """End it."""
        self._process.communicate(timeout=20)
        assert self._process.returncode == 0
