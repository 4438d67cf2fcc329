"""FT-10 in short; ``python -m tests.faults slow`` takes half a minute for each trouble."""

from pathlib import Path

import pytest

from tests.faults.postgres import slow_postgres


@pytest.mark.xdist_group("workers")
def test_whoever_asks_a_slow_database_is_told_in_time(tmp_path: Path) -> None:
    figures = slow_postgres.run(tmp_path, seconds=3.5, clients=3)
    assert figures["no answer: local checks"] > 20
