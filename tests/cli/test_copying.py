"""``coatcheck copy``: what it says, what it refuses, and that it shows no secret."""

import asyncio
import json
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from coatcheck.auth import Auth
from coatcheck.settings import Settings
from tests.cli.conftest import CommandLine

PASSWORD = "Pw-ThatNobodyMaySee"


@pytest.fixture
def source(run: CommandLine) -> str:
    """The address of an installation at rest."""
    run.make_database()
    run.add_user("ann@example.com")
    return f"sqlite:///{run.database}"


@pytest.fixture
def target(postgres_url: str) -> str:
    """An address with a password in it, which the tests' server doesn't ask for."""
    parts = urlsplit(postgres_url)
    return urlunsplit(parts._replace(netloc=parts.netloc.replace("@", f":{PASSWORD}@")))


def test_it_says_what_was_copied_and_what_is_to_be_done_now(run: CommandLine, source: str, target: str) -> None:
    said = run("copy", source, target)
    assert run.code == 0, run.err
    assert any(line.split()[:2] == ["users", "1"] for line in said.splitlines())
    assert "found equal there. The secret opens the signing keys." in said
    assert f"{run.database}-moved" in said
    assert f"{run.database}-secret: name it in COATCHECK_SECRETS_FILE" in said
    assert PASSWORD not in said + run.err
    new = {"COATCHECK_DATABASE_URL": target, "COATCHECK_SECRETS_FILE": f"{run.database}-secret"}
    assert "ann@example.com" in run("users", "list", **new)
    assert "Nothing was done." in run("copy", source, target)


def test_with_json_it_prints_one_document(run: CommandLine, source: str, target: str) -> None:
    found = run.document("copy", source, COATCHECK_DATABASE_URL=target, COATCHECK_SECRETS_FILE=f"{run.database}-secret")
    users = found["tables"]["coatcheck_users"]
    assert (users["rows"], len(users["digest"])) == (1, 64)
    assert (found["went_on"], found["was_finished"], found["secret_file"]) == (False, False, None)
    assert found["target"].endswith(f" at 127.0.0.1:{urlsplit(target).port}")
    assert PASSWORD not in run.out
    assert run.document("copy", source, target)["was_finished"]


def test_whatever_opens_the_old_file_is_told_where_it_is_now(run: CommandLine, source: str, target: str) -> None:
    run("copy", source, target)
    for words in (("users", "list"), ("serve", "--port", "1"), ("schema", "restored", "--yes"), ("schema", "status")):
        run(*words)
        assert run.code == 1, words
        assert "it was copied to" in run.err, words
        assert "COATCHECK_DATABASE_URL" in run.err, words
        assert PASSWORD not in run.err, words
    run("doctor")
    assert (run.code, "it was copied to" in run.out) == (1, True)


def test_a_file_that_was_put_back_is_a_restored_backup(run: CommandLine, source: str, target: str) -> None:
    run("copy", source, target)
    Path(f"{run.database}-moved").rename(run.database)
    run("users", "list")
    assert (run.code, "went back in time" in run.err) == (1, True)
    run("schema", "restored", "--yes", COATCHECK_REVOCATION_LEASE="100ms")
    assert run.code == 0, run.err
    assert "ann@example.com" in run("users", "list")


def test_a_witness_that_the_settings_name_goes_on_with_the_target(run: CommandLine, source: str, target: str) -> None:
    named = {
        "COATCHECK_REVOCATION_WITNESS": str(run.folder / "witness"),
        "COATCHECK_SECRETS_FILE": f"{run.database}-secret",
    }
    run("users", "list", **named)
    run("copy", source, target, **named)
    assert run.code == 0, run.err
    run("users", "list", **named, COATCHECK_DATABASE_URL=target)
    assert run.code == 0, run.err


def test_another_secret_is_refused_before_anything_is_done(run: CommandLine, source: str, target: str) -> None:
    async def start() -> None:
        async with Auth(Settings(database=source)):
            """Makes the signing keys."""

    asyncio.run(start())
    run("copy", source, target, COATCHECK_SECRETS="of another installation than this one 9f2kq0xw")
    assert (run.code, "sealed under another secret" in run.err) == (1, True)
    assert "ann@example.com" in run("users", "list")
    Path(f"{run.database}-secret").unlink()
    run("copy", source, target)
    assert (run.code, "COATCHECK_SECRETS_FILE" in run.err) == (1, True)


def test_what_the_local_switch_refuses_is_not_forgotten(run: CommandLine, source: str, target: str) -> None:
    Path(f"{run.database}-deny").write_text("ses_x\n")
    run("copy", source, target)
    assert (run.code, "COATCHECK_REVOCATION_DENY_LIST" in run.err) == (0, True)


@pytest.mark.parametrize(
    ("url", "code", "sentence"),
    [
        ("sqlite:///other.db", 2, "the target is a PostgreSQL database"),
        ("memory:", 2, "the target is a PostgreSQL database"),
        (f"postgresql://app:{PASSWORD}/x@127.0.0.1/app", 1, "well-formed"),
        (f"postgresql://app:x@{PASSWORD}@127.0.0.1/app", 1, "well-formed"),
        (f"postgresql://app:{PASSWORD}%zz@127.0.0.1/app", 1, "well-formed"),
        (f"postgresql://app:{PASSWORD}@127.0.0.1:1/app", 3, "can't be reached"),
        (f"postgresql://app@127.0.0.1/app?nonsense={PASSWORD}", 1, "well-formed"),
    ],
)
def test_a_target_that_is_none_is_refused_without_its_password(
    run: CommandLine, source: str, url: str, code: int, sentence: str
) -> None:
    run("copy", source, url)
    assert (run.code, sentence in run.err) == (code, True), run.err
    assert PASSWORD not in run.out + run.err
    assert "ann@example.com" in run("users", "list")


def test_a_source_that_is_none_is_refused(run: CommandLine, target: str) -> None:
    run("copy", target, "sqlite:///new.db")
    assert (run.code, "the source is a SQLite file" in run.err) == (2, True)
    run("copy", "sqlite:///not-there.db", target, COATCHECK_SECRETS_FILE=_secret(run.folder))
    assert (run.code, "there is no database at" in run.err) == (1, True), run.err
    assert not (run.folder / "not-there.db").exists()
    assert list(run.folder.glob("not-there*")) == []


def _secret(folder: Path) -> str:
    path = folder / "secret"
    path.write_text("for-this-test-only-long-and-varied-enough-8fk2lq0x")
    path.chmod(0o600)
    return str(path)


def test_the_document_of_a_refusal_is_nothing(run: CommandLine, source: str, target: str) -> None:
    assert json.loads(run("copy", source, target, "--json"))["aside"] == f"{run.database}-moved"
    run("copy", source, f"{target}_other", "--json")
    assert (run.code, run.out) == (3, "")
