"""FT-13 in short; ``python -m tests.faults storm storm-postgres`` blows for half a minute over each database."""

from pathlib import Path

import pytest

from tests.faults.clients import login_storm
from tests.serving import SECRET


@pytest.mark.xdist_group("workers")
def test_guesses_from_everywhere_keep_nobody_from_work(tmp_path: Path, database_url: str) -> None:
    environment = {"COATCHECK_DATABASE_URL": database_url, "COATCHECK_SECRETS": SECRET}
    figures = login_storm.run(tmp_path, seconds=4.0, queue=16, **environment)
    assert figures["guesses: login.busy"] > 10
    assert figures["guesses: attempts.exceeded"] > 10
    assert figures["checks in the storm"] > 50
