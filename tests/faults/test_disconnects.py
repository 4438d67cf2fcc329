"""FT-21 in short: clients hang up on two thousand requests at random moments."""

from pathlib import Path

import pytest

from tests.faults import disconnects


@pytest.mark.xdist_group("workers")
def test_whoever_hangs_up_leaves_nothing_behind(tmp_path: Path) -> None:
    figures = disconnects.run(tmp_path, requests=2000, seed=1)
    assert figures["refreshes repeated after a hang-up"] > 300
