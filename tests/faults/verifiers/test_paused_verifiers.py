"""FT-09 in short: verifiers that were stopped for longer than their lease decide nothing on what they knew before."""

from pathlib import Path

import pytest

from tests.faults.verifiers import pause_checkers


@pytest.mark.xdist_group("trouble")
def test_verifiers_that_were_stopped_accept_nothing_that_ended_meanwhile(tmp_path: Path) -> None:
    figures = pause_checkers.run(tmp_path, pauses=4, span=2.2, at_once=2, lease=1.0, seed=1)
    assert figures["endings meanwhile"] > 5
