"""Doing at once what is asked for once, and seldom what is asked for all the time."""

import asyncio
from collections.abc import Callable
from typing import Final

APART: Final = 0.005
"""Seconds between two: a flood becomes 200 a second at the most."""


class Seldom:
    """Calls ``then`` at once, and again later for all that came too soon. To be called on a running loop."""

    def __init__(self, then: Callable[[], None]) -> None:
        self._then = then
        self._next = 0.0
        self._waits = False

    def __call__(self) -> None:
        """Call it, now or soon."""
        loop = asyncio.get_running_loop()
        if self._waits:
            return
        if loop.time() >= self._next:
            self._call()
        else:
            self._waits = True
            loop.call_at(self._next, self._call)

    def _call(self) -> None:
        self._waits = False
        self._next = asyncio.get_running_loop().time() + APART
        self._then()
