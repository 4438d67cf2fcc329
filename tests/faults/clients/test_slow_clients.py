"""FT-14 in short; ``python -m tests.faults slow-clients`` has 2,000 of them for a minute."""

from pathlib import Path

import pytest

from tests.faults.clients import slow_clients


@pytest.mark.xdist_group("workers")
def test_slow_clients_keep_nobody_waiting(tmp_path: Path) -> None:
    figures = slow_clients.run(tmp_path, connections=300, seconds=13.0, seed=1)
    assert figures["head: closed, told 408"] >= 50
