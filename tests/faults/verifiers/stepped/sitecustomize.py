"""Loaded by every Python that runs with a stepped wall clock: ``time.time`` is ahead by what stands in a file that the
test can write to at any moment (``tests.faults.verifiers.clocks``)."""

import mmap
import os
import time

_real = time.time
with open(os.environ["STEPPED_CLOCK"], "r+b") as _file:  # noqa: PTH123 - nothing more is loaded here than must be
    _ahead = memoryview(mmap.mmap(_file.fileno(), 8)).cast("d")


def stepped() -> float:
    """Seconds since 1970, as a clock shows them that was stepped."""
    return _real() + _ahead[0]


time.time = stepped
