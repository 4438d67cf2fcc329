"""FT-11 in short: PostgreSQL's disk is full once."""

from pathlib import Path

import pytest

from tests.faults.postgres import fill_disk


@pytest.mark.xdist_group("workers")
def test_a_full_disk_refuses_what_it_can_t_keep(tmp_path: Path) -> None:
    if reason := fill_disk.why_not():
        pytest.skip(f"NOT TESTED: {reason}")
    fill_disk.run(tmp_path, rounds=1, full_for=4.0, clients=2, seed=1)
