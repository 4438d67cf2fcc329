"""Shedding dead subscribers: who was silent for long is marked, who was marked long enough ago is deleted (rule 15)."""

from datetime import datetime, timedelta
from typing import Final

from coatcheck.clock import Clock
from coatcheck.model.bound import bound
from coatcheck.stores.port import Registry, Store

SILENT_LEASES: Final = 12
"""A subscriber that has not been heard from for this many leases is given up."""


class Janitor:
    """Looks through the registry now and then.

    The wait between marking and deleting is counted on this process's own steady clock, from when it first saw the
    mark: wall clocks decide nothing here but who looks silent.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._marks: dict[str, float] = {}

    async def look(self, now: datetime) -> None:
        """One round. Raises StoreUnavailable."""
        head = await self._store.read(lambda tx: tx.log.head(), needs_snapshot=False)
        registrations = await self._store.read_registry(lambda registry: registry.all())
        silent_for = timedelta(milliseconds=SILENT_LEASES * head.lease_ms)
        silent = [row.number for row in registrations if row.lapsed_at is None and now - row.heard_at > silent_for]
        steady = self._clock.steady()
        marked = {row.number: row for row in registrations if row.lapsed_at is not None}
        self._marks = {number: self._marks.get(number, steady) for number in marked}
        gone = [
            number
            for number, row in marked.items()
            if steady - self._marks[number]
            > bound(max(row.lease_ms, head.lease_ms), head.drift) + bound(row.accept_ms or 0, head.drift)
        ]
        if silent or gone:
            await self._store.write_registry(lambda registry: _shed(registry, silent, gone, now))


def _shed(registry: Registry, silent: list[str], gone: list[str], now: datetime) -> None:
    for number in silent:
        registry.mark_lapsed(number, now)
    registry.remove(gone)
