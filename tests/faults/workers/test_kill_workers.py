"""FT-01 in short; ``python -m tests.faults`` kills two hundred."""

from pathlib import Path

import pytest

from tests.faults.allowance import allowed
from tests.faults.workers import kill_workers


@pytest.mark.xdist_group("workers")
def test_killing_workers_loses_nothing_and_revives_nothing(tmp_path: Path) -> None:
    figures = kill_workers.run(tmp_path, kills=10, clients=4, seed=1)
    assert figures["accepted"] > 100
    assert figures["endings"] > 10
    assert figures["longest run of errors, s"] <= allowed(3.0)
