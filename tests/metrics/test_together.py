"""Several processes as one: sums, and what becomes of those that end."""

import pytest

from coatcheck.histogram import BOUNDS, Histogram
from coatcheck.metrics.reading import Reading, Timing, Value
from coatcheck.metrics.together import Together

CHECKS, LEASE, WAITING, TOOK = (
    "coatcheck_checks_total",
    "coatcheck_lease_remaining_seconds",
    "coatcheck_hashing_waiting",
    "coatcheck_store_seconds",
)


def reading(checks: float, lease: float = 5.0, waiting: float = 1.0, *took: float) -> Reading:
    histogram = Histogram()
    for seconds in took:
        histogram.add(seconds)
    values = (Value(CHECKS, ("warm", "accepted"), checks), Value(LEASE, (), lease), Value(WAITING, (), waiting))
    return Reading(values, (Timing(TOOK, ("read",), histogram),))


def told(together: Together) -> dict[tuple[str, ...], float]:
    return {(value.name, *value.labels): value.number for value in together.total().values}


def test_counts_and_queues_are_added_and_leases_told_one_by_one():
    together = Together()
    together.take("one", "1", reading(3, 4.0, 1, 0.002))
    together.take("two", "2", reading(5, 2.0, 2, 0.002, 100.0))
    assert told(together) == {(CHECKS, "warm", "accepted"): 8, (LEASE, "1"): 4.0, (LEASE, "2"): 2.0, (WAITING,): 3}
    [timing] = together.total().timings
    assert timing.taken.buckets[BOUNDS.index(0.0025)] == 2
    assert timing.taken.buckets[-1] == 1
    assert timing.taken.sum == pytest.approx(100.004)


def test_the_counts_of_who_has_ended_stay_and_the_gauges_go():
    together = Together()
    together.take("one", "1", reading(3, 5.0, 1, 0.002))
    together.take("two", "2", reading(5))
    together.depart("one")
    assert told(together) == {(CHECKS, "warm", "accepted"): 8, (LEASE, "2"): 5.0, (WAITING,): 1}
    assert sum(together.total().timings[0].taken.buckets) == 1
    together.depart("two")
    together.depart("two")
    together.take("three", "1", reading(1))
    assert told(together)[CHECKS, "warm", "accepted"] == 9


def test_of_two_in_one_place_the_newer_one_is_told():
    together = Together()
    together.take("old", "1", reading(3, 1.0))
    together.take("new", "1", reading(0, 5.0))
    assert told(together)[LEASE, "1"] == 5.0


def test_reading_one_again_replaces_what_it_said_before():
    together = Together()
    for checks in (1, 2, 9):
        together.take("one", "1", reading(checks))
    assert told(together)[CHECKS, "warm", "accepted"] == 9
