"""FT-19 in short: many at once, over several workers; exactly one outcome (I2, I5)."""

from pathlib import Path

import pytest

from tests.faults.races import storms
from tests.serving import Serving

ROUNDS = 3
STORMS = [pytest.param(storm, environment, id=title) for title, storm, environment in storms.STORMS]
pytestmark = pytest.mark.xdist_group("workers")


@pytest.mark.parametrize(("storm", "environment"), STORMS)
def test_a_hundred_at_once_have_one_outcome(tmp_path: Path, storm: storms.Storm, environment: dict[str, str]) -> None:
    with Serving(tmp_path, workers=4, **environment) as serving:
        for turn in range(ROUNDS):
            storm(serving, f"person{turn}")
