"""``coatcheck doctor`` finds what is wrong, says how to mend it, and changes nothing."""

import dataclasses
import json
from datetime import timedelta

from coatcheck.cli.knobs import knobs, written
from coatcheck.settings import Settings
from tests.cli.conftest import CommandLine
from tests.serving import Serving, free_port

SECRET = "for-this-test-only-long-and-varied-enough-8fk2lq0x"


def states(run: CommandLine, **environment: str) -> dict[str, str]:
    run("doctor", "--json", **environment)
    return {check["name"]: check["state"] for check in json.loads(run.out)}


def said_of_the_database(run: CommandLine, **environment: str) -> tuple[str, str, str]:
    """Its state, what is said of it, and how to mend it."""
    run("doctor", "--json", **environment)
    (found,) = (check for check in json.loads(run.out) if check["name"] == "database")
    return found["state"], found["says"], found["mend"]


def test_a_new_installation_is_sound_and_stays_untouched(run: CommandLine) -> None:
    found = states(run)
    assert run.code == 0
    assert set(found.values()) <= {"ok", "warning"}
    assert list(run.folder.iterdir()) == []


def test_a_running_one_is_sound(run: CommandLine) -> None:
    run.make_database()
    run.document("keys", "rotate")
    found = states(run)
    assert run.code == 0
    assert {found[name] for name in ("database", "keys", "history", "files", "checkers")} == {"ok"}


def said_of_the_history(run: CommandLine) -> tuple[str, str]:
    run("doctor", "--json")
    (found,) = (check for check in json.loads(run.out) if check["name"] == "history")
    return found["state"], found["says"]


def test_a_witness_that_is_of_no_use_is_a_problem(run: CommandLine) -> None:
    run.make_database()
    witness = run.database.with_name("app.db-witness")
    assert said_of_the_history(run) == (
        "ok",
        f"nothing to compare with yet: the first server that starts here makes {witness}",
    )
    with Serving(run.folder, workers=1):
        assert said_of_the_history(run) == ("ok", "the database has not gone back in time")
        witness.unlink()
        state, says = said_of_the_history(run)
        assert (run.code, state, "servers run here" in says) == (1, "problem", True)
    witness.unlink(missing_ok=True)
    witness.write_text("nothing that a server wrote")
    state, says = said_of_the_history(run)
    assert (run.code, state, "does not hold what a server writes there" in says) == (1, "problem", True)


def test_files_that_others_can_read_are_a_problem(run: CommandLine) -> None:
    run.make_database()
    run.document("keys", "rotate")
    run.database.chmod(0o644)
    assert states(run)["files"] == "problem"
    assert run.code == 1
    run("doctor")
    assert f"chmod 600 {run.database}" in run.out


def test_production_without_a_secret_or_with_everybody_trusted_is_a_problem(run: CommandLine) -> None:
    found = states(run, COATCHECK_URL="https://app.example.com", COATCHECK_WEB_TRUSTED_PROXIES="0.0.0.0/0")
    assert (found["secret"], found["proxy"], run.code) == ("problem", "problem", 1)
    found = states(run, COATCHECK_URL="https://app.example.com", COATCHECK_SECRETS=SECRET)
    assert (found["secret"], found["proxy"], found["url"], run.code) == ("ok", "warning", "ok", 0)


def test_a_secret_file_that_everybody_can_read_is_warned_of(run: CommandLine) -> None:
    file = run.folder / "secret"
    file.write_text(SECRET + "\n", encoding="utf-8")
    expected = {0o600: "ok", 0o440: "ok", 0o644: "warning", 0o604: "warning", 0o622: "problem"}
    for mode, state in expected.items():
        file.chmod(mode)
        assert states(run, COATCHECK_SECRETS_FILE=str(file))["secret file"] == state, oct(mode)
    file.chmod(0o644)
    run("doctor", COATCHECK_SECRETS_FILE=str(file))
    assert f"chmod o-r {file}" in run.out
    assert SECRET not in run.out


def test_a_lost_secret_and_a_lost_key_are_noticed(run: CommandLine) -> None:
    run.make_database()
    run.document("keys", "rotate")
    assert states(run, COATCHECK_SECRETS=SECRET)["keys"] == "problem"
    run.database.with_name("app.db-secret").unlink()
    assert states(run)["keys"] == "problem"


def test_a_file_that_is_no_database_is_a_problem(run: CommandLine) -> None:
    run.database.write_bytes(b"this is no database, whatever it is called" * 40)
    run.database.chmod(0o600)
    assert said_of_the_database(run)[::2] == ("problem", "See that the file is whole, or restore a backup.")


def test_a_file_whose_database_was_copied_elsewhere_needs_no_backup(run: CommandLine, postgres_url: str) -> None:
    run.make_database()
    run("copy", f"sqlite:///{run.database}", postgres_url)
    state, says, mend = said_of_the_database(run)
    assert (run.code, state, mend) == (1, "problem", "Set COATCHECK_DATABASE_URL to where it was copied to.")
    assert says.startswith(f"{run.database}: This is no database any more: it was copied to ")
    assert "mv app.db-moved app.db, then `coatcheck schema restored`" in says


def test_a_database_that_is_gone_is_a_problem_where_it_is_remembered(run: CommandLine) -> None:
    with Serving(run.folder, workers=1) as serving:
        assert serving.register("ann@example.com").status == 201
    run.database.unlink()
    state, says, mend = said_of_the_database(run)
    assert (run.code, state) == (1, "problem")
    assert says.startswith(f"{run.database} is gone: ")
    assert "coatcheck schema restored" in mend


def test_a_postgresql_that_does_not_answer_is_no_file(run: CommandLine) -> None:
    away = {"COATCHECK_DATABASE_URL": f"postgresql://ann@127.0.0.1:{free_port()}/app", "COATCHECK_SECRETS": SECRET}
    state, _, mend = said_of_the_database(run, **away)
    assert (state, mend) == ("problem", "See that it runs, and that COATCHECK_DATABASE_URL is right.")


def test_settings_that_cannot_be_read_are_the_only_thing_said(run: CommandLine) -> None:
    run("doctor", COATCHECK_REVOCATION_LEASE="soon")
    assert run.code == 1
    assert "COATCHECK_REVOCATION_LEASE can't be read as a span" in run.out


def test_every_setting_is_listed_with_what_it_is_for(run: CommandLine) -> None:
    listed = run.document("doctor", "--settings", COATCHECK_SECRETS=SECRET, COATCHECK_SESSIONS_IDLE_AFTER="90m")
    assert all(knob["says"] for knob in listed)
    by_place = {knob["place"]: knob for knob in listed}
    assert by_place["sessions.idle_after"]["value"] == "90m"
    assert by_place["sessions.idle_after"]["default"] == "2h"
    assert by_place["secrets"]["value"] == "(hidden)"
    assert SECRET not in run.out
    leaves = sum(
        len(dataclasses.fields(value)) if dataclasses.is_dataclass(value) else 1 for value in vars(Settings()).values()
    )
    assert len(listed) == leaves


def test_values_are_written_as_they_are_read() -> None:
    assert written(timedelta(milliseconds=1500)) == "1500ms"
    assert written(timedelta(days=30)) == "30d"
    assert not [knob for knob in knobs(Settings()) if knob.is_changed]
