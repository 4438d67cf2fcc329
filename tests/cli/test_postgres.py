"""The command line with PostgreSQL: the same commands, and what is different is said."""

import json
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from coatcheck.cli.doctor.postgres import clock, connections, wire
from tests.cli.conftest import CommandLine
from tests.pgbouncer import pooled
from tests.serving import Serving

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


def test_what_ends_something_names_the_database_and_not_its_password(shared: CommandLine, postgres_url: str) -> None:
    shared.add_user("ann@example.com")
    parts = urlsplit(postgres_url)
    hidden, place = "canary-password", f"{parts.path[1:]} at {parts.hostname}:{parts.port}"
    url = urlunsplit(parts._replace(netloc=f"postgres:{hidden}@{parts.hostname}:{parts.port}"))
    for words in (
        ("sessions", "end-all", "ann@example.com"),
        ("incident", "end-everything", "--reason", "leaked"),
        ("incident", "deny", "--everything", "--reason", "leaked"),
        ("users", "suspend", "ann@example.com"),
    ):
        environment = {"COATCHECK_DATABASE_URL": url, "COATCHECK_REVOCATION_DENY_LIST": str(shared.folder / "denied")}
        shared(*words, **environment)
        assert shared.code == 2
        assert f"The database is {place}. Add --yes" in shared.err, "this is what is asked"
        shared(*words, "--yes", **environment)
        assert shared.code == 0, shared.err
        assert f"The database is {place}" in shared.out
        assert hidden not in shared.out + shared.err
    assert shared.document("sessions", "end-all", "ann@example.com", "--yes")["database"] == place


def test_a_server_that_can_not_be_reached_is_named(shared: CommandLine, postgres_url: str) -> None:
    parts = urlsplit(postgres_url)
    shared("users", "list", COATCHECK_DATABASE_URL=urlunsplit(parts._replace(netloc="postgres@127.0.0.1:9")))
    assert shared.code == 3
    assert "127.0.0.1" in shared.err
    assert "Traceback" not in shared.err


def test_the_doctor_compares_connections_with_who_is_registered() -> None:
    assert connections(97, 0).state == "ok"
    assert connections(97, 6).state == "ok", "7 × 13 = 91"
    found = connections(97, 7)
    assert (found.state, "registered: 7" in found.says, "117 or more" in found.mend) == ("warning", True, True)


def test_the_doctor_counts_the_processes_of_servers_and_heeds_a_limit_of_the_role(
    shared: CommandLine, postgres_server: str, postgres_url: str
) -> None:
    limited = f"limited_{token_hex(4)}"
    shared.make_database()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {limited} LOGIN SUPERUSER CONNECTION LIMIT 20")
    url = postgres_url.replace("postgres@", f"{limited}@")
    try:
        with Serving(shared.folder, workers=1, **{**shared.environment, "COATCHECK_DATABASE_URL": postgres_url}):
            shared("doctor", "--json", COATCHECK_DATABASE_URL=url)
        found = {each["name"]: each for each in json.loads(shared.out)}["connections"]
        assert found["state"] == "warning"
        assert found["says"].startswith("20 at most, 13 for each process: room for 1; registered: 1, and one more")
    finally:
        with psycopg.connect(postgres_server, autocommit=True) as connection:
            connection.execute(f"DROP ROLE {limited}")


def test_the_doctor_warns_where_nothing_proves_who_answers() -> None:
    assert wire(is_sealed=False, sslmode="prefer").state == "warning"
    for mode in ("require", "prefer", "verify-ca"):
        found = wire(is_sealed=True, sslmode=mode)
        assert (found.state, "verify-full" in found.mend) == ("warning", True)
    assert wire(is_sealed=True, sslmode="verify-full").state == "ok"


def test_the_doctor_compares_the_clocks(shared: CommandLine) -> None:
    shared.make_database()
    shared("doctor", "--json")
    assert {each["name"]: each for each in json.loads(shared.out)}["clock"]["state"] == "ok"
    now, leeway = datetime(2030, 1, 1, tzinfo=UTC), timedelta(seconds=30)
    for off in (-2, -0.5, 0, 0.5, 2):
        there = now - timedelta(minutes=off)
        found = clock(now, there, now + timedelta(milliseconds=3), leeway=leeway)
        assert found.state == ("warning" if abs(off) == 2 else "ok"), off
    assert "3 days, 0:00:00 ahead of" in clock(now, now - timedelta(days=3), now, leeway=leeway).says
    assert "3 days, 0:00:00 behind" in clock(now, now + timedelta(days=3), now, leeway=leeway).says
    slow = clock(now, now + timedelta(seconds=40), now + timedelta(seconds=60), leeway=leeway)
    assert slow.state == "ok", "an answer that took a minute tells nothing more"


def test_the_doctor_and_the_command_say_that_no_file_is_named_for_the_local_switch(shared: CommandLine) -> None:
    shared.make_database()
    shared("doctor", "--json")
    assert {each["name"]: each for each in json.loads(shared.out)}["local switch"]["state"] == "warning"
    shared("incident", "deny", "--everything", "--reason", "leaked", "--yes")
    assert shared.code == 1
    assert "name one in COATCHECK_REVOCATION_DENY_LIST" in shared.err
    assert "only after a restart" in shared.err
    assert "memory" not in shared.err
