"""Settling a young epoch: when it has been seen for W, no lease of the one before can be left (rule 14)."""

from coatcheck.clock import Clock
from coatcheck.model.bound import bound_of
from coatcheck.model.position import Epoch
from coatcheck.stores.port import Store


class Settler:
    """Watches an unsettled epoch on this process's own steady clock."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._seen: tuple[Epoch, float] | None = None

    async def look(self) -> None:
        """One round. Raises StoreUnavailable."""
        head = await self._store.read(lambda tx: tx.log.head(), needs_snapshot=False)
        if head.settled:
            self._seen = None
            return
        now = self._clock.steady()
        if self._seen is None or self._seen[0] != head.epoch:
            self._seen = (head.epoch, now)
        registrations = await self._store.read_registry(lambda registry: registry.all())
        if now - self._seen[1] >= bound_of(head, registrations, is_settled=False):
            await self._store.write(lambda tx: tx.log.settle(head.epoch))
