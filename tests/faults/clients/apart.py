"""A process of its own for those who ask, so that what they take from Python is not taken from whoever measures."""

import subprocess
import sys
from typing import Any, TypeVar

import msgspec

from tests.faults.proxying import ROOT

Told = TypeVar("Told")


LAST_IN_LINE = ("nice", "-n", "19")
"""Strangers have machines of their own: here they get what is left of this one."""


class Apart:
    """``python -m module``, which reads one task from its standard input, works for ``seconds`` and writes what became
    of it; both are JSON."""

    def __init__(self, module: str, seconds: float, **task: Any) -> None:
        self._seconds = seconds
        self._process = subprocess.Popen(
            [*LAST_IN_LINE, sys.executable, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
        )
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode({"seconds": seconds, **task}))
        self._process.stdin.close()
        self._process.stdin = None

    def end(self, kind: type[Told]) -> Told:
        """Wait until it is over; what became of it."""
        said, _ = self._process.communicate(timeout=self._seconds + 60)
        assert self._process.returncode == 0
        return msgspec.json.decode(said, type=kind)
