"""Two regions, in short: checks stay local, receipts tell the truth, and a line that is cut ends in "try again"."""

from pathlib import Path

from tests.faults.postgres import regions


def test_far_from_the_database_checks_are_local_and_a_cut_line_lets_nobody_in(tmp_path: Path) -> None:
    figures = regions.run(tmp_path, lease=4.0, rounds=1, cut_for=5.5)
    assert figures["far: a warm check at a verifier, ms"] < regions.ROUND_TRIP * 1000 / 10
    assert figures["far: an ending is answered, ms"] >= regions.ROUND_TRIP * 1000
