"""FT-19 in short: many at once, over several workers; exactly one outcome (I2, I5)."""

from pathlib import Path

import pytest

from tests.faults.races import limits, one_outcome, rotations
from tests.faults.races.storm import Storm
from tests.serving import Serving

ROUNDS = 3
STORMS = [*one_outcome.STORMS, *rotations.STORMS, *limits.STORMS]


@pytest.mark.xdist_group("workers")
@pytest.mark.parametrize("storm", STORMS, ids=[storm.title for storm in STORMS])
def test_a_hundred_at_once_end_as_they_may(tmp_path: Path, storm: Storm) -> None:
    with Serving(tmp_path, workers=4, **storm.environment) as serving:
        for turn in range(ROUNDS):
            storm.blow(serving, f"person{turn}")
