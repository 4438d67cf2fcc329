"""One read of the primary for everybody who asked before it began (rule 16)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

from coatcheck.authority import Delta, Question

Answer = TypeVar("Answer")

PACE: Final = 0.005
"""Seconds between the beginnings of two reads that find nothing new: a thousand who wait share them."""


class SharedReads(Generic[Answer]):
    """Collects questions while a read is under way, and answers them all from the next one.

    ``answer_all`` reads once, beginning after it was called.
    """

    def __init__(self, answer_all: Callable[[Sequence[Question]], Awaitable[list[Answer]]]) -> None:
        self._answer_all = answer_all
        self._queued: list[tuple[Question, asyncio.Future[Answer]]] = []
        self._reading: asyncio.Task[None] | None = None

    async def ask(self, question: Question) -> Answer:
        """An answer that was read after this call. Raises what the read raises."""
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._queued.append((question, answered))
        if self._reading is None:
            self._reading = asyncio.create_task(self._read(), name="coatcheck-shared-reads")
        return await answered

    async def _read(self) -> None:
        try:
            while self._queued:
                loop = asyncio.get_running_loop()
                next_at = loop.time() + PACE
                batch, self._queued = self._queued, []
                if not await self._answer(batch):
                    await asyncio.sleep(next_at - loop.time())
        finally:
            self._reading = None

    async def _answer(self, batch: list[tuple[Question, "asyncio.Future[Answer]"]]) -> bool:
        """Answer all of a batch. True when there were news: whoever is told some is back soon, and awaited."""
        try:
            answers = await self._answer_all([question for question, _ in batch])
        except Exception as fault:  # noqa: BLE001 - it is the askers', whatever it is
            for _, answered in batch:
                if not answered.done():
                    answered.set_exception(fault)
            return False
        for (_, answered), answer in zip(batch, answers, strict=True):
            if not answered.done():
                answered.set_result(answer)
        return any(not isinstance(answer, Delta) or answer.events for answer in answers)
