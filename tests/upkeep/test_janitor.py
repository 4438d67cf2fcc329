"""Shedding dead subscribers without ever leaving one out too early (rule 15)."""

import asyncio
from datetime import timedelta

import pytest

from coatcheck.stores.memory.store import MemoryStore
from coatcheck.testing import ManualClock
from coatcheck.upkeep.janitor import Janitor
from tests.revocation.builders import registration

ROUND = 6.0


class Site:
    """A registry with one row, and the janitor of another process."""

    def __init__(self, accept_ms: int | None = None) -> None:
        self.store, self.clock = MemoryStore(), ManualClock()
        row = registration("gone", accept_ms=accept_ms, heard_at=self.clock.now, registered_at=self.clock.now)
        self.store.registry_transact(lambda registry: registry.add(row))
        self.janitor = Janitor(self.store, self.clock)
        self.look_after(0)

    def look_after(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))
        asyncio.run(self.janitor.look(self.clock.now))

    def look_for(self, seconds: float) -> None:
        """Look on for so long, in rounds."""
        for _ in range(int(seconds // ROUND)):
            self.look_after(ROUND)
        if seconds % ROUND:
            self.look_after(seconds % ROUND)

    def hear(self) -> None:
        self.store.registry_transact(lambda registry: registry.acknowledge("reg_gone", None, self.clock.now, 5_000))

    @property
    def state(self) -> str:
        row = self.store.registry_view(lambda registry: registry.get("reg_gone"))
        return "deleted" if row is None else "there" if row.lapsed_at is None else "marked"


def test_who_was_heard_from_lately_is_left_alone() -> None:
    site = Site()
    site.look_for(59)
    assert site.state == "there"


def test_who_was_silent_is_marked_first_and_deleted_w_after_the_mark_was_seen() -> None:
    site = Site()
    site.look_for(61)
    assert site.state == "marked"
    site.look_after(30)
    assert site.state == "marked"  # seen for the first time only now
    site.look_after(6.0)
    assert site.state == "marked"
    site.look_after(0.2)
    assert site.state == "deleted"


def test_a_row_that_accepts_stays_until_it_can_accept_no_more() -> None:
    site = Site(accept_ms=60_000)
    site.look_for(61)
    site.look_after(1)
    site.look_after(79.4)  # W is 6.1 s, and a minute on the slowest clock 73.3 s
    assert site.state == "marked"
    site.look_after(0.1)
    assert site.state == "deleted"


def test_another_process_that_sees_the_mark_for_the_first_time_waits_again() -> None:
    site = Site()
    site.look_for(61)
    site.look_after(1)
    site.janitor = Janitor(site.store, site.clock)
    site.look_after(60)
    assert site.state == "marked"
    site.look_after(7)
    assert site.state == "deleted"


@pytest.mark.parametrize("wrong_by", [timedelta(hours=-1), timedelta(seconds=90), timedelta(days=30)])
@pytest.mark.parametrize("whose", ["the janitor's", "the subscriber's"])
def test_by_a_wrong_wall_clock_nobody_is_given_up_who_is_heard_from(wrong_by: timedelta, whose: str) -> None:
    site = Site()
    for _ in range(30):
        site.clock.advance(timedelta(seconds=6))
        there, here = site.clock.now, site.clock.now
        if whose == "the janitor's":
            here += wrong_by
        else:
            there += wrong_by
        site.store.registry_transact(lambda registry, at=there: registry.acknowledge("reg_gone", None, at, 5_000))
        asyncio.run(site.janitor.look(here))
        assert site.state == "there"


@pytest.mark.parametrize("wrong_by", [timedelta(hours=-1), timedelta(days=30)])
def test_by_a_wrong_wall_clock_who_is_silent_is_given_up_as_soon(wrong_by: timedelta) -> None:
    site = Site()
    for rounds, seconds, state in ((10, 5.9, "there"), (1, 2, "marked"), (1, 1, "marked"), (1, 7, "deleted")):
        for _ in range(rounds):
            site.clock.advance(timedelta(seconds=seconds))
            asyncio.run(site.janitor.look(site.clock.now + wrong_by))
        assert site.state == state


def test_while_the_store_was_away_nobody_was_silent() -> None:
    site = Site()
    for _ in range(3):
        site.look_for(30)
        site.clock.advance(timedelta(seconds=70))  # no look is completed meanwhile, and nobody else gets through
        site.look_after(0)
        assert site.state == "there"
        site.look_for(55)
        assert site.state == "there", "who may have had another way to go is not silent yet"
        site.hear()


def test_who_stays_silent_after_the_store_was_away_is_given_up_as_soon_as_at_any_time() -> None:
    site = Site()
    site.look_for(30)
    site.look_after(70)
    site.look_for(59)
    assert site.state == "there"
    site.look_for(2)
    assert site.state == "marked"


def test_a_mark_is_seen_whatever_looks_failed_since() -> None:
    site = Site()
    site.look_for(61)
    site.look_after(1)
    site.look_after(70)
    assert site.state == "deleted"


def test_one_look_that_fails_is_no_blindness() -> None:
    site = Site()
    for _ in range(5):
        site.look_after(2 * ROUND)
    assert site.state == "there"
    site.look_after(2 * ROUND)
    assert site.state == "marked"
