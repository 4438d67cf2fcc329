"""Forks: what the parent knew is trusted by nobody else (rule 5 of docs/revocation.md)."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.workers import forked_tokens


def run(case: str, database: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.workers.forking", case, database],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout.splitlines()


def test_made_before_a_fork_and_started_after_it(database_url: str) -> None:
    said = run("preload", database_url)
    assert sorted(said) == ["codes 0 0", "first session.ended", "second session.ended"]


def test_a_fork_of_a_running_process_has_no_lease_and_the_parent_keeps_its_own(database_url: str) -> None:
    said = run("started", database_url)
    assert said == ["parent decides", "child asks", "child untrusted", "parent decides", "confirmed 1 waited 0"]


def test_a_forked_child_follows_anew_under_a_registration_of_its_own(database_url: str) -> None:
    assert run("anew", database_url) == ["child decides", "registered 2", "code 0"]


def test_forked_workers_never_make_the_same_secret(tmp_path: Path) -> None:
    assert forked_tokens.run(tmp_path, tokens=80_000)["made twice"] == 0


def test_a_generator_that_a_fork_copies_is_noticed(tmp_path: Path) -> None:
    seeded = random.Random(7)
    with pytest.raises(AssertionError, match="made twice"):
        forked_tokens.run(tmp_path, tokens=800, made_by=lambda: [lambda: seeded.randbytes(20).hex()])
