"""Metrics of all workers, gathered by the process above them.

Not in files that processes share, as ``prometheus_client`` would: there a gauge outlives its process, each count costs
a write to a mapped file, and what can be told when it is asked for has to be counted all the time. Here every worker is
asked, over the channel that it has anyway, and what the dead had counted is kept.
"""

import asyncio
import contextlib
from typing import Final

from coatcheck.cli.serving.channel import ALL, OWN
from coatcheck.cli.serving.child import Worker
from coatcheck.metrics.reading import Reading, Value
from coatcheck.metrics.together import Together

_PATIENCE: Final = 3.0
"""Seconds for a worker's answer. One that is paused is told of as it was."""

_LOOK_EVERY: Final = 5.0
"""Seconds between two looks though nobody asks: what a worker counted after the last one is lost if it is killed."""


class _Asked:
    """A worker, and how many questions it has answered."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.asked = self.answered = 0
        self.is_gone = False
        self.moved = asyncio.Event()

    @property
    def is_behind(self) -> bool:
        return self.answered < self.asked

    def ask(self, what: bytes) -> None:
        """Ask; it answers in order."""
        self.asked += 1
        self.worker.ask(what)

    async def answers(self) -> None:
        """Wait until it has answered all, or is gone."""
        while self.is_behind and not self.is_gone:
            self.moved.clear()
            await self.moved.wait()


class Gathering:
    """The sum of what ``wanted`` workers have counted, in the life of this process."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._together = Together()
        self._workers: dict[str, _Asked] = {}
        self._store = Reading()
        self._one_at_a_time = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self.deaths = 0

    def attend(self, worker: Worker) -> None:
        """Listen to a worker that has begun to serve, until its end."""
        asked = self._workers[worker.name] = _Asked(worker)
        task = asyncio.create_task(self._listen(asked), name="coatcheck-gathering")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def departed(self) -> None:
        """Wait until every worker has said what it had to say, and is gone."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_PATIENCE)

    async def read(self) -> Reading:
        """All of them, as they are now."""
        async with self._one_at_a_time:
            answered = await self._ask(OWN, list(self._workers.values()))
            self._store = Reading()
            await self._ask(ALL, answered[:1])
            return self._together.total().plus(self._store).plus(self._about_workers(len(answered)))

    async def look_now_and_then(self) -> None:
        """Remember what they have counted, for when one is killed."""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            async with self._one_at_a_time:
                await self._ask(OWN, list(self._workers.values()))

    async def _ask(self, what: bytes, workers: list[_Asked]) -> list[_Asked]:
        """Ask; return those that have answered in time. Nobody waits for one that has not answered before."""
        asked = [each for each in workers if not each.is_behind]
        for each in asked:
            each.ask(what)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                for each in asked:
                    await each.answers()
        return [each for each in asked if not each.is_behind and not each.is_gone]

    async def _listen(self, asked: _Asked) -> None:
        name, slot = asked.worker.name, str(asked.worker.slot)
        async for report in asked.worker.reports():
            self._together.take(name, slot, report.own)
            self._store = report.store or self._store
            asked.answered = min(asked.answered + 1, asked.asked)  # the last one of all was not asked for
            asked.moved.set()
        asked.is_gone = True
        asked.moved.set()
        self._together.depart(name)
        del self._workers[name]

    def _about_workers(self, answering: int) -> Reading:
        states = {"wanted": self._wanted, "ready": len(self._workers), "answering": answering}
        return Reading(
            (
                *(Value("coatcheck_workers", (state,), number) for state, number in states.items()),
                Value("coatcheck_worker_deaths_total", (), self.deaths),
            )
        )
