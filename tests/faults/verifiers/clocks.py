"""Clocks that show something else: a wall clock that is stepped while a process runs, and steady clocks that began at
another time (a time namespace). This machine's own clock is never touched.

The wall clock is stepped where Python reads it, ``time.time``, by a module that is loaded before everything else.
(libfaketime 0.9.10, which does it a layer below, breaks ``time.sleep`` and keeps a server's workers spinning.)
"""

import mmap
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

AHEAD = 864_000
"""Seconds by which the steady clocks of a time namespace are ahead here: ten days."""

ELSEWHERE = ("unshare", "--time", "--boottime", str(AHEAD), "--monotonic", str(AHEAD), "--")
"""What a command begins with that is to run in a time namespace."""


def has_time_namespaces() -> bool:
    """Whether the kernel gives them to us (Linux, root)."""
    try:
        return subprocess.run([*ELSEWHERE, "true"], check=False, capture_output=True).returncode == 0
    except OSError:
        return False


class SteppedClock:
    """A wall clock for the processes that run with ``environment``."""

    def __init__(self, file: Path) -> None:
        self._file = file
        file.write_bytes(bytes(8))
        with file.open("r+b") as opened:
            self._ahead = memoryview(mmap.mmap(opened.fileno(), 8)).cast("d")
        self._steps = 0
        self._lock = threading.Lock()

    @property
    def environment(self) -> dict[str, str]:
        """What to add to the environment of a process."""
        path = [str(Path(__file__).with_name("stepped")), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {"STEPPED_CLOCK": str(self._file), "PYTHONPATH": os.pathsep.join(path)}

    @contextmanager
    def stepped(self, seconds: float) -> Iterator[None]:
        """Ahead by ``seconds``, or behind, until the block ends."""
        self._step(seconds)
        try:
            yield
        finally:
            self._step(0.0)

    def stands(self) -> tuple[int, float]:
        """How often it was stepped so far, and by how many seconds it is ahead. Whoever finds the same before and after
        something knows by which time that was done."""
        with self._lock:
            return self._steps, self._ahead[0]

    def _step(self, seconds: float) -> None:
        with self._lock:
            self._steps += 1
            self._ahead[0] = seconds
