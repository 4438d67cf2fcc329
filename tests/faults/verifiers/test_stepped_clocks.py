"""FT-12 in short: the wall clocks of verifiers and of the server are stepped by hours."""

from pathlib import Path

import pytest

from tests.faults.verifiers import step_clocks


@pytest.mark.xdist_group("trouble")
def test_stepped_clocks_change_what_has_expired_and_nothing_else(tmp_path: Path) -> None:
    figures = step_clocks.run(tmp_path, of_checkers=(3600, -86_400), of_server=(-3600,), stay=1.0, lease=1.0, seed=1)
    assert figures["refused as expired"] > 100
    assert figures["refused as from the future"] > 100
