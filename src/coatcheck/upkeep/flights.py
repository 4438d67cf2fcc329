"""Look-ups under way: who may share an answer, and how many there may be at once (rule 8)."""

import asyncio

from coatcheck.authority import Authority, Found, LookUp
from coatcheck.errors import StoreUnavailable
from coatcheck.patience import awaited


class Flights:
    """Asks an authority, sharing answers between those who ask the same thing at once.

    A *fresh* question wants a read that begins after it: it joins only a flight that has not begun, so for each
    question there is one in flight and one queued. Others join any flight. At most ``most`` reads run at once, and an
    answer that takes longer than ``patience`` seconds counts as none.
    """

    def __init__(self, authority: Authority, *, most: int = 32, patience: float = 2.5) -> None:
        self._authority = authority
        self._patience = patience
        self._places = asyncio.Semaphore(most)
        self._flying: dict[LookUp, asyncio.Task[Found]] = {}
        self._queued: dict[LookUp, asyncio.Task[Found]] = {}

    async def look_up(self, asked: LookUp, fresh: bool) -> Found:
        """The authority's answer. Raises StoreUnavailable when there is none in time."""
        queued = self._queued.get(asked)
        if queued is not None:
            return await awaited(queued)
        flying = self._flying.get(asked)
        if flying is not None and not fresh:
            return await awaited(flying)
        task = asyncio.create_task(self._fly(asked, after=flying))
        self._queued[asked] = task
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await awaited(task)

    async def _fly(self, asked: LookUp, after: asyncio.Task[Found] | None) -> Found:
        task = self._queued[asked]
        try:
            async with asyncio.timeout(self._patience):
                if after is not None:
                    await asyncio.wait([after])
                async with self._places:
                    del self._queued[asked]
                    self._flying[asked] = task
                    return await self._authority.look_up(asked)
        except TimeoutError:
            raise StoreUnavailable from None
        finally:
            for stage in (self._queued, self._flying):
                if stage.get(asked) is task:
                    del stage[asked]
