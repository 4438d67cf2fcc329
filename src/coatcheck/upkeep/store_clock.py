"""Whether this server's wall clock may be gone by, where that can't be undone: the store's own is asked first."""

import logging
from datetime import timedelta
from typing import Final

from coatcheck.clock import Clock, now_of
from coatcheck.stores.port import Store
from coatcheck.upkeep.troubles import Troubles

log = logging.getLogger("coatcheck")

APART: Final = timedelta(minutes=1)
"""Clocks that differ by more than this do not agree."""


class StoreClock:
    """Compares ``clock`` with the store's, which all servers have in common. One of many that is days ahead would purge
    what belongs to everybody. A store on the same machine has the same clock, and there is nothing to compare."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._troubles = Troubles("This server's clock and the database's agree again.")

    async def agrees(self) -> bool:
        """True unless they differ; that is told as an error, once. Raises StoreUnavailable."""
        before = now_of(self._clock)
        there = await self._store.read_clock()
        after = now_of(self._clock)
        if there is None or before - APART <= there <= after + APART:
            self._troubles.end()
            return True
        if self._troubles.are_new("they differ"):
            log.error(
                "This server's clock differs from the database's by %.0f s. What is old is not cleared away here until "
                "they agree: set the clock, and run a time daemon.",
                (before - there).total_seconds(),
            )
        return False
