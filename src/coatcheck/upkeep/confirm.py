"""Awaiting a barrier, and clearing away those it had to wait out (rules 14 and 15)."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from coatcheck.clock import Clock, now_of
from coatcheck.errors import Broken
from coatcheck.model.position import Position
from coatcheck.model.receipt import Receipt
from coatcheck.model.subscriber import Registration
from coatcheck.patience import Unhurried
from coatcheck.revocation.barrier import Barrier, Standing
from coatcheck.stores.port import Store

SOONEST_LOOK: Final = 0.001
LATEST_LOOK: Final = 0.250
"""Seconds between two looks at the registry: an eighth of the time waited so far, within these limits."""


async def confirm(store: Store, clock: Clock, position: Position, committed_at: float) -> Receipt:
    """Wait until every subscriber has acknowledged ``position``, or is known to have lost its lease.

    ``committed_at`` is the steady clock's reading after COMMIT was answered. The caller has raised ``awaited`` in the
    head in that transaction, applied the event at home and rung the bells. Takes W at the longest.
    Raises StoreUnavailable when registry or head can't be read: then nothing is confirmed.
    """
    with Unhurried():
        return await _confirm(store, clock, position, committed_at)


async def _confirm(store: Store, clock: Clock, position: Position, committed_at: float) -> Receipt:
    barrier = Barrier(position, committed_at)
    while True:
        asked_at = clock.steady()
        registrations = await store.read_registry(lambda registry: registry.all())
        head = await store.read(lambda tx: tx.log.head(), needs_snapshot=False)
        standing = barrier.stand(registrations, head, asked_at)
        if standing.is_over:
            break
        waited = clock.steady() - committed_at
        await asyncio.sleep(
            min(max(waited / 8, SOONEST_LOOK), max(barrier.longest - waited, SOONEST_LOOK), LATEST_LOOK)
        )
    took = clock.steady() - committed_at
    if standing.silent:
        with suppress(Broken):  # it holds all the same; a janitor will mark them
            await _mark_lapsed(store, standing.silent, now_of(clock))
    return _receipt(position, standing, took, clock.wall() - took)


async def _mark_lapsed(store: Store, silent: tuple[Registration, ...], now: datetime) -> None:
    unmarked = [row.number for row in silent if row.lapsed_at is None]
    if unmarked:
        await store.write_registry(lambda registry: [registry.mark_lapsed(number, now) for number in unmarked])


def _receipt(position: Position, standing: Standing, took: float, committed_at: float) -> Receipt:
    unbound_until = None
    if standing.unbound:
        unbound_until = datetime.fromtimestamp(committed_at + standing.unbound_for, UTC)
    return Receipt(
        position=position,
        confirmed=tuple(sorted(row.name for row in standing.confirmed)),
        waited_out=tuple(sorted(row.name for row in standing.silent if row not in standing.unbound)),
        unbound=tuple(sorted(row.name for row in standing.unbound)),
        unbound_until=unbound_until,
        took=timedelta(seconds=took),
    )
