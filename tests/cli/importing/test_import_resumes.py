"""An import that is killed goes on where it was: nothing is lost, nothing is doubled, and no error is told twice."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine
from tests.cli.importing.sources import BCRYPT, lines, many

COUNT = 6_000
WORDS = ("users", "import", "users.jsonl", "--errors", "errors.jsonl")
# Whoever runs the tests in the background lets them ignore Ctrl-C, and children inherit that.
START = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "from coatcheck.cli import main; sys.argv[0] = 'coatcheck'; main()"
)


@pytest.fixture
def empty(run: CommandLine) -> CommandLine:
    run.make_database()
    return run


def batches(connection: sqlite3.Connection) -> int:
    """How many batches have been written."""
    rows = connection.execute("SELECT count(*) FROM coatcheck_audit WHERE kind = 'import.advanced'")
    count: int = rows.fetchone()[0]
    return count


def stop_amid(
    run: CommandLine,
    words: tuple[str, ...] = WORDS,
    by: signal.Signals = signal.SIGKILL,
    later: float | None = None,
) -> int:
    """Begin the import, hold it up when it has written a batch, and stop it there, or so many seconds after it was let
    go on; its exit code."""
    with closing(sqlite3.connect(run.database, timeout=30, isolation_level=None)) as watching:
        before = batches(watching)
        process = subprocess.Popen(
            [sys.executable, "-c", START, *words],
            cwd=run.folder,
            env=run.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while batches(watching) <= before and process.poll() is None:
            time.sleep(0.002)
        watching.execute("BEGIN IMMEDIATE")
        if later is not None:
            watching.execute("ROLLBACK")
            time.sleep(later)
        process.send_signal(by)
        return process.wait(30)


def places(file: Path) -> list[int]:
    written = map(json.loads, file.read_text(encoding="ascii").splitlines())
    return [int(each["place"].removeprefix("line ")) for each in written]


def expected_errors() -> list[int]:
    return [number + 1 for number in range(COUNT) if number % 100 == 99 or number % 150 == 149]


def test_killed_again_and_again_it_imports_each_account_once(empty: CommandLine) -> None:
    many(empty.folder / "users.jsonl", COUNT)
    codes = [stop_amid(empty, later=later) for later in (None, 0.02, None, 0.05)]
    assert codes[0] == -signal.SIGKILL
    empty(*WORDS, "--json")
    done = json.loads(empty.out)
    assert (empty.code, done["read"]) == (1, COUNT)
    expected = expected_errors()
    assert done["imported"] == COUNT - len(expected)
    assert done["made"] < done["imported"]
    assert done["existing"] + done["refused"] == len(expected)
    assert done["schemes"] == {"bcrypt$04": done["imported"]}
    assert places(empty.folder / "errors.jsonl") == expected
    with closing(sqlite3.connect(empty.database)) as connection:
        rows = "SELECT count(*), count(DISTINCT email_key) FROM coatcheck_users"
        assert connection.execute(rows).fetchone() == (done["imported"], done["imported"])
        rows = "SELECT count(*), count(DISTINCT user_id) FROM coatcheck_audit WHERE kind = 'user.imported'"
        assert connection.execute(rows).fetchone() == (done["imported"], done["imported"])


def test_errors_that_a_crash_kept_from_the_file_are_written_by_the_next_run(empty: CommandLine) -> None:
    many(empty.folder / "users.jsonl", COUNT)
    assert stop_amid(empty) == -signal.SIGKILL
    errors = empty.folder / "errors.jsonl"
    whole = errors.read_bytes()
    errors.write_bytes(whole[:-30])  # the last line was on its way to the disk
    empty(*WORDS, "--json")
    done = json.loads(empty.out)
    assert (done["imported"], places(errors)) == (COUNT - len(expected_errors()), expected_errors())


def test_the_error_file_of_another_import_is_left_alone_by_one_that_goes_on(empty: CommandLine) -> None:
    lines(empty.folder / "others.jsonl", *["7"] * COUNT)
    empty("users", "import", "others.jsonl", "--errors", "errors.jsonl")
    errors = empty.folder / "errors.jsonl"
    before = errors.read_bytes()
    many(empty.folder / "users.jsonl", COUNT)
    assert stop_amid(empty, WORDS[:3]) == -signal.SIGKILL
    empty(*WORDS)
    assert (empty.code, "errors.jsonl is of another import" in empty.err) == (1, True)
    assert errors.read_bytes() == before
    assert empty("users", "import", "users.jsonl").startswith(f"Imported {COUNT - len(expected_errors()):,} accounts")


def test_after_ctrl_c_it_goes_on_as_well(empty: CommandLine) -> None:
    many(empty.folder / "users.jsonl", COUNT)
    assert stop_amid(empty, by=signal.SIGINT, later=0) == 130
    empty(*WORDS, "--json")
    assert json.loads(empty.out)["imported"] == COUNT - len(expected_errors())
    assert places(empty.folder / "errors.jsonl") == expected_errors()


def test_another_file_is_another_import(empty: CommandLine) -> None:
    many(empty.folder / "users.jsonl", COUNT)
    assert stop_amid(empty) == -signal.SIGKILL
    lines(empty.folder / "others.jsonl", {"email": "ann@example.com"})
    assert empty.document("users", "import", "others.jsonl")["read"] == 1
    empty("users", "import", "users.jsonl", "--json")
    assert json.loads(empty.out)["imported"] == COUNT - len(expected_errors())


@pytest.mark.parametrize("kind", ["array", "SQLite"])
def test_other_sources_go_on_where_they_were_too(empty: CommandLine, kind: str) -> None:
    if kind == "array":
        records = [{"email": f"person{number}@example.com"} for number in range(COUNT)]
        (empty.folder / "source").write_text(json.dumps(records), encoding="utf-8")
        words: tuple[str, ...] = ("users", "import", "source")
    else:
        with closing(sqlite3.connect(empty.folder / "source")) as connection, connection:
            connection.execute("CREATE TABLE user (id TEXT PRIMARY KEY, email TEXT, hashed_password TEXT)")
            rows = ((f"{number * 7919:x}", f"person{number}@example.com", BCRYPT) for number in range(COUNT))
            connection.executemany("INSERT INTO user VALUES (?, ?, ?)", rows)
        words = ("users", "import", "source", "--format", "fastapi-users")
    assert stop_amid(empty, words) == -signal.SIGKILL
    done = empty.document(*words)
    assert (done["read"], done["imported"]) == (COUNT, COUNT)
    assert 0 < done["made"] < COUNT


def test_the_same_import_by_two_processes_doubles_nothing(empty: CommandLine) -> None:
    many(empty.folder / "users.jsonl", COUNT)
    start = [sys.executable, "-c", START, *WORDS[:3]]
    both = [
        subprocess.Popen(
            start, cwd=empty.folder, env=empty.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(2)
    ]
    assert [process.wait(60) for process in both] == [1, 1]
    empty("users", "import", "users.jsonl", "--json")
    assert json.loads(empty.out)["imported"] == COUNT - len(expected_errors())
