"""The command line with PostgreSQL: the same commands, and what is different is said."""

import json
from urllib.parse import urlsplit, urlunsplit

import pytest

from tests.cli.conftest import CommandLine
from tests.pgbouncer import pooled

SECRET = "for-this-test-only-long-and-varied-enough-8fk2lq0x"


@pytest.fixture
def shared(run: CommandLine, postgres_url: str) -> CommandLine:
    """Commands against an empty database of a PostgreSQL."""
    secret = run.folder / "secret"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    run.environment |= {"COATCHECK_DATABASE_URL": postgres_url, "COATCHECK_SECRETS_FILE": str(secret)}
    return run


def test_an_installation_is_made_looked_at_and_used(shared: CommandLine) -> None:
    assert shared.document("schema", "status")["tables"] == "not there yet"
    shared("users", "list")
    assert (shared.code, "there is no database at" in shared.err) == (1, True)
    assert shared.document("schema", "upgrade") == {"before": "not there yet", "after": "current"}
    found = shared.document("schema", "status")
    assert (found["tables"], found["position"].endswith(".0")) == ("current", True)
    user_id = shared.add_user("ann@example.com")
    assert [user["id"] for user in shared.document("users", "list")] == [user_id]
    denied = shared.folder / "denied"
    shared.document(
        "incident", "deny", "ann@example.com", "--reason", "leaked", "--yes", COATCHECK_REVOCATION_DENY_LIST=str(denied)
    )  # an address is looked up there, too
    assert user_id in denied.read_text()


def test_a_secret_must_be_given(shared: CommandLine) -> None:
    del shared.environment["COATCHECK_SECRETS_FILE"]
    shared("schema", "upgrade")
    assert shared.code == 1
    assert "a secret is needed with PostgreSQL, the same on every server" in shared.err
    shared("doctor", "--json")
    assert {"secret": "problem"}.items() <= {each["name"]: each["state"] for each in json.loads(shared.out)}.items()


def test_the_doctor_says_what_would_make_it_forget(shared: CommandLine) -> None:
    shared.make_database()
    shared("doctor", "--json", COATCHECK_REVOCATION_WITNESS=str(shared.folder / "witness"))
    found = {each["name"]: each for each in json.loads(shared.out)}
    assert found["durability"]["state"] == "problem", "the tests' server forces nothing to the disk"
    assert found["connections"]["state"] == "ok"
    assert found["history"]["state"] == "ok"
    shared("doctor", "--json")
    assert {each["name"]: each for each in json.loads(shared.out)}["history"]["state"] == "warning"


def test_the_doctor_says_which_pooler_will_not_do(shared: CommandLine, postgres_url: str) -> None:
    with pooled(postgres_url, "transaction") as url:
        shared("doctor", "--json", COATCHECK_DATABASE_URL=url)
    found = {each["name"]: each for each in json.loads(shared.out)}["database"]
    assert (shared.code, found["state"], "pool_mode = session" in found["says"]) == (1, "problem", True)


def test_no_command_shows_the_password(shared: CommandLine, postgres_url: str) -> None:
    parts = urlsplit(postgres_url)
    hidden = "canary-password"
    named = urlunsplit(parts._replace(netloc=f"postgres:{hidden}@{parts.hostname}:{parts.port}"))
    inside = f"{postgres_url}?password={hidden}"
    nowhere = urlunsplit(parts._replace(netloc=f"postgres:{hidden}@{parts.hostname}:9"))
    for url in (named, inside, nowhere):
        for words in (
            ("schema", "status"),
            ("schema", "upgrade"),
            ("doctor",),
            ("doctor", "--settings"),
            ("users", "list"),
        ):
            shared(*words, COATCHECK_DATABASE_URL=url)
            assert hidden not in shared.out + shared.err


def test_a_server_that_can_not_be_reached_is_named(shared: CommandLine, postgres_url: str) -> None:
    parts = urlsplit(postgres_url)
    shared("users", "list", COATCHECK_DATABASE_URL=urlunsplit(parts._replace(netloc="postgres@127.0.0.1:9")))
    assert shared.code == 3
    assert "127.0.0.1" in shared.err
    assert "Traceback" not in shared.err
