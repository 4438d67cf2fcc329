"""Shedding dead subscribers: who was silent for long is marked, who was marked long enough ago is deleted (rule 15)."""

from datetime import datetime
from math import inf
from typing import Final

from coatcheck.clock import Clock
from coatcheck.model.bound import bound, bound_of
from coatcheck.model.subscriber import Registration
from coatcheck.stores.port import Registry, Store

SILENT_LEASES: Final = 12
"""A subscriber that was not heard from while somebody looked on for this many leases is given up."""

BLIND_ROUNDS: Final = 2.5
"""Between two looks that are further apart than so many rounds, which are W each, nobody looked on: the store was away,
and who could not reach it either was not silent. One look may fail."""


class Janitor:
    """Looks through the registry now and then.

    Both spans, of silence and between marking and deleting, are counted on this process's own steady clock, from when
    it first saw what it saw: wall clocks decide nothing here. Wrong ones would give up who lives.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._heard: dict[str, tuple[datetime, float]] = {}
        self._marks: dict[str, float] = {}
        self._looked_at = -inf

    async def look(self, now: datetime) -> None:
        """One round. Raises StoreUnavailable."""
        head = await self._store.read(lambda tx: tx.log.head(), needs_snapshot=False)
        registrations = await self._store.read_registry(lambda registry: registry.all())
        steady = self._clock.steady()
        if steady - self._looked_at > BLIND_ROUNDS * bound(head.lease_ms, head.drift):
            self._heard = {}
        self._looked_at = steady
        self._heard = {row.number: self._last_heard(row, steady) for row in registrations if row.lapsed_at is None}
        silent_for = SILENT_LEASES * head.lease_ms / 1000
        silent = [number for number, (_, since) in self._heard.items() if steady - since > silent_for]
        marked = {row.number: row for row in registrations if row.lapsed_at is not None}
        self._marks = {number: self._marks.get(number, steady) for number in marked}
        gone = [
            number
            for number, row in marked.items()
            if steady - self._marks[number]
            > bound_of(head, [row], is_settled=True) + bound(row.accept_ms or 0, head.drift)
        ]
        if silent or gone:
            await self._store.write_registry(lambda registry: _shed(registry, silent, gone, now))

    def _last_heard(self, row: Registration, steady: float) -> tuple[datetime, float]:
        """What the row says of when it was heard from, and since when it has said so."""
        known = self._heard.get(row.number)
        return known if known is not None and known[0] == row.heard_at else (row.heard_at, steady)


def _shed(registry: Registry, silent: list[str], gone: list[str], now: datetime) -> None:
    for number in silent:
        registry.mark_lapsed(number, now)
    registry.remove(gone)
