"""docs/moving-to-postgresql.md: its commands are run, in order."""

import shlex
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine
from tests.surface.documents import text_of

PAGE = "docs/moving-to-postgresql.md"
ON_THE_PAGE = (
    "postgresql://coatcheck@db.internal/coatcheck?sslmode=verify-full&sslrootcert=/etc/coatcheck/database-ca.pem"
)
FOLDER = "/var/lib/coatcheck"


def follow(run: CommandLine, block: str, url: str) -> None:
    """Do what stands in a block, in this test's folder and with its database."""
    for line in block.replace(ON_THE_PAGE, url).replace(FOLDER, str(run.folder)).splitlines():
        match shlex.split(line):
            case ["export", assigned]:
                name, _, value = assigned.partition("=")
                run.environment[name] = value
            case ["cd", folder]:
                assert Path(folder) == run.folder
            case ["mv", old, new]:
                (run.folder / old).rename(run.folder / new)
            case ["coatcheck", *words]:
                run(*words)
                assert run.code == 0, (line, run.out, run.err)
            case []:
                pass
            case _:
                pytest.fail(f"what does this line do? {line}")


def test_the_page_leads_to_postgresql_and_back(tmp_path: Path, postgres_url: str) -> None:
    run = CommandLine(tmp_path)
    run.environment["COATCHECK_REVOCATION_LEASE"] = "100ms"
    run.make_database()
    run.add_user("ann@example.com")
    secret = tmp_path / "secret"
    (tmp_path / "app.db-secret").rename(secret)
    run.environment["COATCHECK_SECRETS_FILE"] = str(secret)
    copy, start, back = _blocks()
    follow(run, copy, postgres_url)
    start = start.replace("coatcheck doctor", "")  # it finds fault with the tests' own server, rightly
    follow(run, start, postgres_url)
    assert "current" in run.out
    run.add_user("ben@example.com")
    assert {user["email"] for user in run.document("users", "list")} == {"ann@example.com", "ben@example.com"}
    follow(run, back, postgres_url)
    assert {user["email"] for user in run.document("users", "list")} == {"ann@example.com"}


def _blocks() -> list[str]:
    """What stands in the page's blocks; those of a list are indented."""
    return [block.partition("```")[0] for block in text_of(PAGE).split("```sh\n")[1:]]
