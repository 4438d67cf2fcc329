"""FT-21 in short: clients hang up on two thousand requests at random moments."""

from pathlib import Path

import pytest

from coatcheck.stores.postgres.store import CONNECTIONS
from tests.faults.clients import disconnects
from tests.serving import SECRET


@pytest.mark.xdist_group("workers")
def test_whoever_hangs_up_leaves_nothing_behind(tmp_path: Path) -> None:
    figures = disconnects.run(tmp_path, requests=2000, seed=1)
    assert figures["refreshes repeated after a hang-up"] > 300


@pytest.mark.xdist_group("workers")
def test_whoever_hangs_up_leaves_nothing_behind_in_postgresql(tmp_path: Path, postgres_url: str) -> None:
    figures = disconnects.run(
        tmp_path,
        requests=600,
        seed=1,
        pool=CONNECTIONS,
        COATCHECK_DATABASE_URL=postgres_url,
        COATCHECK_SECRETS=SECRET,
    )
    assert figures["refreshes repeated after a hang-up"] > 80
