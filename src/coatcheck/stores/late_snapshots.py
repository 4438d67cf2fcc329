"""Snapshots of a log that is too long to be read while somebody waits.

Such a read goes on when whoever asked has given up, and is for all who asked before it began. Who asks again, under the
same registration, is answered from it: it began after that registration was committed, which is what rule 3 asks for.
Its answer says that it is older than any lease, so it gives a position and no lease; the next question does.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from coatcheck.authority import Snapshot

KEPT: Final = 10.0
"""Seconds for which a snapshot is kept for those who asked for it and are not back yet."""


class _Reading:
    """One read: for whom it is, and what comes of it."""

    def __init__(self) -> None:
        self.registrations: set[str] = set()
        self.outcome: asyncio.Future[Snapshot] = asyncio.get_running_loop().create_future()

    async def answer(self, registration: str) -> Snapshot:
        """What was read. Whoever was told it wants a newer one another time."""
        snapshot = await asyncio.shield(self.outcome)
        self.registrations.discard(registration)
        return snapshot


class LateSnapshots:
    """``read`` reads one snapshot, beginning after it was called. At most one is under way."""

    def __init__(self, read: Callable[[], Awaitable[Snapshot]]) -> None:
        self._read = read
        self._next: _Reading | None = None
        self._begun: list[_Reading] = []
        self._task: asyncio.Task[None] | None = None

    async def get(self, registration: str) -> tuple[Snapshot, bool]:
        """A snapshot that began to be read after ``registration`` first asked for one; True when it began after this
        call. Raises what the read raises."""
        for reading in self._begun:
            if registration in reading.registrations:
                return await reading.answer(registration), False
        if self._next is None:
            self._next = _Reading()
        reading = self._next
        reading.registrations.add(registration)
        if self._task is None:
            self._task = asyncio.create_task(self._go_on(), name="coatcheck-late-snapshots")
        return await reading.answer(registration), True

    async def _go_on(self) -> None:
        try:
            while self._next is not None:
                reading, self._next = self._next, None
                self._begun = [*self._begun[-1:], reading]
                try:
                    reading.outcome.set_result(await self._read())
                except Exception as fault:  # noqa: BLE001 - it is the askers', whatever it is
                    reading.outcome.set_exception(fault)
                    reading.outcome.exception()  # perhaps nobody waits any more
                    self._begun.remove(reading)
                else:
                    asyncio.get_running_loop().call_later(KEPT, self._forget, reading)
        finally:
            self._task = None

    def _forget(self, reading: _Reading) -> None:
        with suppress(ValueError):
            self._begun.remove(reading)
