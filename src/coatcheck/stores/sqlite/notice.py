"""Notices that another process has rung the bell (``FileLock.ring``): a hint, which may be late, repeated or lost.

On Linux by inotify, elsewhere by looking at the file every 20 ms.
"""

import ctypes
import os
import sys
from asyncio import AbstractEventLoop, TimerHandle, get_running_loop
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

_IN_MODIFY: Final = 0x2
_LOOK_EVERY: Final = 0.020


def watch(path: Path, changed: Callable[[], None]) -> Callable[[], None]:
    """Call ``changed`` on the running loop when ``path`` was written to. Returns the function that stops it."""
    loop = get_running_loop()
    descriptor = _inotify(path) if sys.platform == "linux" else None
    if descriptor is None:
        return _Looking(loop, path, changed).stop

    def on_change() -> None:
        with suppress(BlockingIOError):
            os.read(descriptor, 65_536)
        changed()

    loop.add_reader(descriptor, on_change)
    is_open = [descriptor]

    def stop() -> None:
        while is_open:
            loop.remove_reader(descriptor)
            os.close(is_open.pop())

    return stop


def _inotify(path: Path) -> int | None:
    """A descriptor that becomes readable when ``path`` is modified; None where there is none to be had."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor: int = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if descriptor < 0:
        return None
    if libc.inotify_add_watch(descriptor, os.fsencode(path), _IN_MODIFY) < 0:
        os.close(descriptor)
        return None
    return descriptor


class _Looking:
    """Looks at the file again and again."""

    def __init__(self, loop: AbstractEventLoop, path: Path, changed: Callable[[], None]) -> None:
        self._loop = loop
        self._path = path
        self._changed = changed
        self._seen = self._look()
        self._timer: TimerHandle = loop.call_later(_LOOK_EVERY, self._again)

    def stop(self) -> None:
        """Look no more."""
        self._timer.cancel()

    def _again(self) -> None:
        seen = self._look()
        if seen != self._seen:
            self._seen = seen
            self._changed()
        self._timer = self._loop.call_later(_LOOK_EVERY, self._again)

    def _look(self) -> bytes:
        try:
            return self._path.read_bytes()
        except OSError:
            return b""
