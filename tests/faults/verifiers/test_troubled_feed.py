"""FT-16 in short: keys rotate, the feed talks nonsense, the server goes away and comes back, and forgers flood."""

from pathlib import Path

import pytest

from tests.faults.verifiers import trouble_feed


@pytest.mark.xdist_group("trouble")
def test_a_troubled_feed_refuses_nothing_that_lives_and_accepts_nothing_that_ended(tmp_path: Path) -> None:
    figures = trouble_feed.run(
        tmp_path, rotations=1, nonsense_for=1.8, down_for=1.5, flood_for=1.5, lease=1.0, calm=1.0, seed=1
    )
    assert figures["try again"] > 0
