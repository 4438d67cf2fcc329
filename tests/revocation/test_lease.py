"""How long a replica is trusted (rules 5 and 8)."""

from coatcheck.revocation.lease import Lease


def held(until: float = 105.0) -> Lease:
    lease = Lease()
    lease.take(until - 5, 5.0, offset=1000.0)
    return lease


def test_there_is_no_lease_to_begin_with() -> None:
    assert not Lease().holds(0.0, 1000.0)
    assert not Lease().accepts(0.0, 0.0, 1e9)


def test_a_lease_counts_from_the_question() -> None:
    assert held().holds(104.9, 1104.9)
    assert not held().holds(105.0, 1105.0)


def test_an_older_answer_shortens_nothing_and_lengthens_nothing() -> None:
    lease = held()
    lease.take(97.0, 5.0, offset=900.0)
    assert lease.until == 105.0
    assert lease.holds(104.0, 1104.0)


def test_a_jump_of_the_wall_clock_drops_the_lease_for_good() -> None:
    lease = held()
    assert not lease.holds(101.0, 1102.5)
    assert not lease.holds(101.1, 1101.1)


def test_a_slow_drift_of_the_wall_clock_does_not() -> None:
    assert held().holds(101.0, 1101.9)


def test_accepting_goes_on_for_its_span_and_no_longer() -> None:
    lease = held()
    assert lease.accepts(164.9, 1164.9, 60.0)
    assert not lease.accepts(165.0, 1165.0, 60.0)


def test_accepting_ends_when_the_clocks_jump() -> None:
    assert not held().accepts(110.0, 1120.0, 60.0)


def test_a_dropped_lease_accepts_nothing() -> None:
    lease = held()
    lease.drop()
    assert not lease.accepts(101.0, 1101.0, 60.0)
