"""Who has heard, and when it is over (rules 2, 14 and 15)."""

from typing import Any

import pytest

from coatcheck.model.bound import bound
from coatcheck.model.position import Epoch, Position
from coatcheck.model.subscriber import Registration
from coatcheck.revocation.barrier import Barrier, Standing
from tests.revocation.builders import EPOCH, NOW, head, registration

HERE = Position(EPOCH, 7)
W = bound(5000, 0.1)


def stand(*rows: Registration, at: float = 100.0, **changes: Any) -> Standing:
    return Barrier(HERE, 100.0).stand(rows, head(7, **changes), at)


def test_w_is_the_lease_on_the_slowest_clock_as_the_fastest_counts_it() -> None:
    assert bound(5000, 0.1) == pytest.approx(5 * 1.1 / 0.9)
    assert bound(5000, 0.0) == 5.0


def test_with_nobody_to_wait_for_it_is_over_at_once() -> None:
    assert stand(at=100.0).is_over


def test_it_is_over_when_everybody_has_acknowledged() -> None:
    heard, silent = registration("a", acknowledged=HERE), registration("b", acknowledged=Position(EPOCH, 6))
    standing = stand(heard, silent, at=100.5)
    assert not standing.is_over
    assert (standing.confirmed, standing.silent) == ((heard,), (silent,))
    assert stand(heard, at=100.5).is_over


def test_it_is_over_when_w_has_passed() -> None:
    assert not stand(registration("a"), at=100.0 + W - 0.001).is_over
    standing = stand(registration("a"), at=100.0 + W)
    assert standing.is_over
    assert len(standing.silent) == 1


def test_the_largest_lease_ever_granted_counts() -> None:
    row = registration("a", lease_ms=20_000)
    assert not stand(row, at=100.0 + W).is_over
    assert stand(row, at=100.0 + bound(20_000, 0.1)).is_over


def test_who_registered_later_has_it_in_the_first_snapshot() -> None:
    assert stand(registration("a", since=HERE), at=100.0).is_over
    assert not stand(registration("a", since=Position(EPOCH, 6)), at=100.0).is_over


def test_an_acknowledgement_or_registration_of_another_epoch_proves_nothing() -> None:
    elsewhere = Position(Epoch(2, "bbbb"), 99)
    row = registration("a", since=elsewhere, acknowledged=elsewhere)
    assert not stand(row, at=100.0).is_over


def test_a_marked_row_still_counts() -> None:
    assert not stand(registration("a", lapsed_at=NOW), at=100.0).is_over


def test_an_unsettled_epoch_is_waited_for_whoever_has_acknowledged() -> None:
    row = registration("a", acknowledged=HERE)
    assert not stand(row, at=100.0, settled=False).is_over
    assert not stand(at=100.0 + W - 0.001, settled=False).is_over
    assert stand(row, at=100.0 + W, settled=False).is_over


@pytest.mark.parametrize("elsewhere", [{"settled": False}, {"epoch": Epoch(2, "bbbb")}])
def test_in_a_young_epoch_the_longest_lease_that_may_be_in_force_is_waited_for(elsewhere: dict[str, Any]) -> None:
    row = registration("a", acknowledged=HERE)
    assert not stand(row, at=100.0 + W, longest_lease_ms=20_000, **elsewhere).is_over
    assert stand(row, at=100.0 + bound(20_000, 0.1), longest_lease_ms=20_000, **elsewhere).is_over


def test_in_a_settled_one_everybody_is_listed_and_no_lease_but_theirs_counts() -> None:
    assert stand(registration("a"), at=100.0 + W, longest_lease_ms=20_000).is_over


def test_who_accepts_and_was_not_heard_from_is_named_until_it_stops() -> None:
    accepting = registration("a", accept_ms=60_000)
    standing = stand(accepting, registration("b", accept_ms=60_000, acknowledged=HERE), at=100.0 + W)
    assert standing.unbound == (accepting,)
    assert standing.unbound_for == pytest.approx(W + bound(60_000, 0.1))


def test_a_store_that_was_replaced_is_waited_for() -> None:
    assert not stand(epoch=Epoch(2, "bbbb")).is_over
    assert stand(epoch=Epoch(2, "bbbb"), at=100.0 + W).is_over
