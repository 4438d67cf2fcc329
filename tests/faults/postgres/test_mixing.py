"""Rule 1 in short: all flows against a few people; ``python -m tests.faults mixing`` does a million."""

from pathlib import Path

import pytest

from tests.faults.postgres import mixing


@pytest.mark.xdist_group("workers")
def test_nobody_waits_in_a_circle(tmp_path: Path) -> None:
    figures = mixing.run(tmp_path, operations=900, processes=2, seed=1)
    assert figures["  refresh"] > 30
