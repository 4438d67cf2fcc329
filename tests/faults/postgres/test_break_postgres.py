"""FT-01, FT-03 with PostgreSQL, in short; ``python -m tests.faults`` does fifty rounds."""

from pathlib import Path

import pytest

from tests.faults.postgres import break_postgres
from tests.faults.workers import kill_workers
from tests.serving import SECRET

pytestmark = pytest.mark.xdist_group("workers")


def test_a_database_that_crashes_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    figures = break_postgres.run(tmp_path, rounds=3, clients=3, down_for=1.0, seed=1)
    assert figures["accepted"] > 50
    assert figures["endings"] > 5


def test_killing_workers_over_postgresql_loses_nothing_and_revives_nothing(tmp_path: Path, postgres_url: str) -> None:
    figures = kill_workers.run(
        tmp_path,
        kills=3,
        clients=3,
        seed=1,
        COATCHECK_DATABASE_URL=postgres_url,
        COATCHECK_SECRETS=SECRET,
    )
    assert figures["accepted"] > 50
