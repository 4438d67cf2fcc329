"""A copy that is killed goes on: whatever it was doing, the same command ends with the same."""

import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from coatcheck.stores.copying.copy_store import Copied
from tests.stores.copying.conftest import ask

NEVER = 10**9
SEED = 20
AT_THE_END = ("return finish",)


def run(path: Path, url: str, step: int) -> subprocess.CompletedProcess[str]:
    """Copy until a step."""
    command = [sys.executable, "-m", "tests.stores.copying.killed", str(path), url, str(step)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def steps_to_die_at(names: list[str]) -> Iterator[int]:
    """Beside the source's being set aside and the target's being finished, and at some other places."""
    for critical in ("return _make", "return text_for", "return link", "return set_aside", "return finish"):
        yield names.index(critical) + 1
    takes = [at + 1 for at, name in enumerate(names) if name == "return _add"]
    yield from random.Random(SEED).sample(takes[:-1], 2)


def begin_anew(path: Path, contents: bytes, url: str) -> None:
    """The file as it was, and an empty target."""
    for each in path.parent.glob("app.db*"):
        each.unlink()
    path.write_bytes(contents)
    ask(url, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")


def test_a_copy_that_was_killed_goes_on_and_ends_the_same(
    path: Path, copy: Callable[..., Copied], postgres_url: str
) -> None:
    before = path.read_bytes()
    begin_anew(path, before, postgres_url)
    whole = run(path, postgres_url, NEVER)
    assert whole.returncode == 0, whole.stderr
    names = whole.stdout.split("\n")
    files = {each.name for each in path.parent.iterdir()}
    rows = "SELECT (SELECT sum(count) FROM coatcheck_attempts), (SELECT count(*) FROM coatcheck_sessions)"
    expected = ask(postgres_url, rows)
    for step in sorted(set(steps_to_die_at(names))):
        begin_anew(path, before, postgres_url)
        killed = run(path, postgres_url, step)
        assert killed.returncode == -signal.SIGKILL, (names[step - 1], killed.stderr)
        again = copy()
        assert again.was_finished == (names[step - 1] in AT_THE_END), names[step - 1]
        assert ask(postgres_url, rows) == expected, names[step - 1]
        assert not path.read_bytes().startswith(b"SQLite"), names[step - 1]
        assert (path.parent / "app.db-moved").read_bytes() == before, names[step - 1]
        assert {each.name for each in path.parent.iterdir()} == files, names[step - 1]


def test_a_copy_that_an_earlier_version_began_is_begun_anew(
    path: Path, copy: Callable[..., Copied], postgres_url: str
) -> None:
    before = path.read_bytes()
    names = run(path, postgres_url, NEVER).stdout.split("\n")
    begin_anew(path, before, postgres_url)
    run(path, postgres_url, names.index("return _make") + 1)
    ask(postgres_url, "ALTER TABLE coatcheck_head DROP COLUMN longest_lease_ms")
    with closing(sqlite3.connect(path)) as raw, raw:  # as an upgrade of the source does
        raw.execute("UPDATE coatcheck_head SET longest_lease_ms = 7000")
    copy()
    assert ask(postgres_url, "SELECT longest_lease_ms FROM coatcheck_head") == [(7_000,)]
