"""When nobody can hold a lease of the epoch before any more (rules 14 and 17)."""

import asyncio
from datetime import timedelta

from coatcheck.model.bound import bound
from coatcheck.model.event import Head
from coatcheck.stores.memory.store import MemoryStore
from coatcheck.testing import ManualClock
from coatcheck.upkeep.settle import Settler
from tests.revocation.builders import registration

W = bound(5_000, 0.1)


class Site:
    """A store with leases of five seconds, and the settler of a process."""

    def __init__(self) -> None:
        self.store, self.clock = MemoryStore(), ManualClock()
        self.settler = Settler(self.store, self.clock)

    def give_leases_of(self, seconds: float) -> None:
        lease = timedelta(seconds=seconds)
        self.store.transact(lambda tx: tx.log.set_parameters(lease=lease, token=timedelta(minutes=10), drift=0.1))

    def begin_an_epoch(self) -> None:
        self.store.transact(lambda tx: tx.log.begin_epoch(tx.log.head().epoch.successor()))

    def list_one_with(self, lease_ms: int) -> None:
        row = registration("long ago", lease_ms=lease_ms)
        self.store.registry_transact(lambda registry: registry.add(row))

    def look_after(self, seconds: float) -> Head:
        self.clock.advance(timedelta(seconds=seconds))
        asyncio.run(self.settler.look())
        return self.store.view(lambda tx: tx.log.head())


def test_a_young_epoch_is_settled_when_it_was_seen_for_w() -> None:
    site = Site()
    site.begin_an_epoch()
    assert not site.look_after(60).settled  # seen for the first time only now
    assert not site.look_after(W - 0.1).settled
    assert site.look_after(0.2).settled


def test_another_epoch_is_watched_from_its_own_beginning() -> None:
    site = Site()
    site.begin_an_epoch()
    site.look_after(0)
    site.begin_an_epoch()
    assert not site.look_after(W).settled
    assert site.look_after(W + 0.1).settled


def test_a_listed_lease_that_is_longer_is_waited_for() -> None:
    site = Site()
    site.list_one_with(20_000)
    site.begin_an_epoch()
    site.look_after(0)
    assert not site.look_after(W).settled
    assert site.look_after(bound(20_000, 0.1) - W + 0.1).settled


def test_so_is_one_of_somebody_whom_no_list_names_any_more() -> None:
    site = Site()
    site.give_leases_of(20)
    site.give_leases_of(5)
    site.begin_an_epoch()
    site.look_after(0)
    assert not site.look_after(bound(20_000, 0.1) - 0.1).settled
    assert site.look_after(0.2).settled
