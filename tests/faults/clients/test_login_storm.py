"""FT-13 in short; ``python -m tests.faults storm storm-postgres`` blows for half a minute over each database."""

from pathlib import Path

import pytest

from tests.faults.clients import login_storm
from tests.serving import SECRET


@pytest.mark.xdist_group("workers")
@pytest.mark.timeout(120)
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_guesses_from_everywhere_keep_nobody_from_work(
    tmp_path: Path, request: pytest.FixtureRequest, database: str
) -> None:
    environment = {}
    if database == "postgresql":
        url = request.getfixturevalue("postgres_url")
        environment = {"COATCHECK_DATABASE_URL": url, "COATCHECK_SECRETS": SECRET}
    figures = login_storm.run(tmp_path, seconds=2.0, queue=16, **environment)
    assert figures["guesses: login.busy"] > 10
    assert figures["guesses: attempts.exceeded"] > 10
    assert figures["checks in the storm"] > 50
