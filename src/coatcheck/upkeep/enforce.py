"""Making a committed change hold: at home at once, elsewhere by a bell, everywhere by a barrier (rule 14)."""

from collections.abc import Callable, Iterable

from coatcheck.clock import Clock
from coatcheck.histogram import Histogram
from coatcheck.model.event import Event
from coatcheck.model.position import Position
from coatcheck.model.receipt import Receipt
from coatcheck.revocation.replica import Replica
from coatcheck.stores.port import Store
from coatcheck.upkeep.confirm import confirm


class Enforcer:
    """What every change goes through after its COMMIT. ``ring`` wakes this process's own follower, ``ring_elsewhere``
    those of others, where that is done from here."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        replica: Replica,
        ring: Callable[[], None],
        ring_elsewhere: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._replica = replica
        self._ring = ring
        self._ring_elsewhere = ring_elsewhere
        self.waiting = 0
        """Barriers that are waited for now."""
        self.waited_out = 0
        """Subscribers that did not confirm, so that their leases had to run out."""
        self.took = Histogram()

    async def enforce(self, events: Iterable[Event], position: Position, *, wait: bool) -> Receipt | None:
        """Apply ``events`` in this process; with ``wait``, return when no checker accepts what they revoked.

        Raises as ``confirm`` does.
        """
        if wait:
            return await self.confirm(events, position)
        if self._apply(events, position):
            self._ring_elsewhere()
        return None

    async def confirm(self, events: Iterable[Event], position: Position) -> Receipt:
        """Apply ``events`` in this process and wait until nobody accepts what they revoked.

        Raises StoreUnavailable when the registry can't be read: the change holds within W all the same.
        """
        committed_at = self._clock.steady()
        self._apply(events, position)
        self._ring_elsewhere()
        self.waiting += 1
        try:
            receipt = await confirm(self._store, self._clock, position, committed_at)
        finally:
            self.waiting -= 1
        self.waited_out += len(receipt.waited_out)
        self.took.add(receipt.took.total_seconds())
        return receipt

    def _apply(self, events: Iterable[Event], position: Position) -> bool:
        """True when there were any."""
        is_news = False
        for event in events:
            self._replica.heed(event.happening, Position(position.epoch, event.seq))
            is_news = True
        self._ring()
        return is_news
