"""Commands over tables that a newer version has upgraded."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine
from tests.newer import newer_version, upgrade
from tests.serving import SECRET

ADDRESS = "ann@example.com"


@pytest.fixture
def run(run: CommandLine) -> CommandLine:
    """With an account in the database, and a secret that the newer version has too."""
    run.environment["COATCHECK_SECRETS"] = SECRET
    run.make_database()
    run.add_user(ADDRESS)
    run.document("keys", "rotate")
    return run


def database(run: CommandLine) -> dict[str, str]:
    """What doctor says of the database and its tables."""
    run("doctor", "--json")
    return {check["name"]: check["state"] for check in json.loads(run.out) if check["name"] in ("database", "tables")}


def test_commands_work_over_tables_that_were_only_added_to_and_say_so(
    run: CommandLine, tmp_path: Path, postgres_url: str
) -> None:
    assert database(run) == {"database": "ok"}
    url = run.environment["COATCHECK_DATABASE_URL"]
    upgrade(url, newer_version(tmp_path / "newer"))
    status = run.document("schema", "status")
    assert (status["tables"], bool(status["position"])) == ("of a newer version", True)
    assert run.document("schema", "upgrade") == {"before": "of a newer version", "after": "of a newer version"}
    assert "Nothing was done: the tables are of a newer version" in run("schema", "upgrade")
    assert database(run) == {"database": "ok", "tables": "warning"}
    assert ADDRESS in run("users", "list")
    run("schema", "restored", "--yes", COATCHECK_REVOCATION_LEASE="100ms")
    assert run.code == 0, run.err
    run("copy", url, postgres_url)
    assert run.code != 0
    assert "of a newer version; copy it with that version" in run.err


def test_tables_that_were_more_than_added_to_are_a_problem_that_only_the_newer_version_mends(
    run: CommandLine, tmp_path: Path
) -> None:
    upgrade(run.environment["COATCHECK_DATABASE_URL"], newer_version(tmp_path / "newer", is_additive=False))
    assert run.document("schema", "status")["tables"] == "of a version too new"
    assert database(run) == {"database": "problem"}
    for words in (("schema", "upgrade"), ("users", "list"), ("schema", "restored", "--yes")):
        run(*words)
        assert run.code != 0
        assert "newer version of Coatcheck" in run.err, words
