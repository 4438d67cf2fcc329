"""FT-07 and FT-08 in short: whatever is on the way between a server and a verifier, nothing is accepted too late."""

from pathlib import Path

import pytest

from tests.faults.verifiers import partitions
from tests.faults.verifiers.namespaces import why_not

pytestmark = pytest.mark.xdist_group("verifiers")


def test_a_feed_that_is_cut_reordered_and_held_lets_nothing_through(tmp_path: Path) -> None:
    figures = partitions.run(tmp_path, partitions=partitions.SHORT, lease=1.0, calm=1.0, healthy=1.0, seed=1)
    assert figures["decisions"] > 10_000
    assert figures["try again"] > 0


def test_verifiers_whose_wire_is_cut_let_nothing_through(tmp_path: Path) -> None:
    if reason := why_not():
        pytest.skip(f"NOT TESTED: {reason}; the test with the proxy covers the same ground")
    figures = partitions.run_namespaces(
        tmp_path, spans={"black hole": (2.2,)}, lease=1.0, calm=1.0, healthy=1.0, seed=1
    )
    assert figures["decisions"] > 10_000
    assert figures["try again"] > 0
