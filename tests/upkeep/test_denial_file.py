"""The file that says what is refused for now: what it means; a slip refuses too much rather than too little."""

import fcntl
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from runpy import run_path
from threading import Barrier

import pytest

from coatcheck.errors import Misconfigured
from coatcheck.model.identifiers import identifier_of, new_identifier
from coatcheck.upkeep import denial_file
from coatcheck.upkeep.denial_file import Denied, change_denials, lift_denials, lines_of, read_denials

SESSION, USER, KEY = (identifier_of(kind, bytes(range(16))) for kind in ("ses", "usr", "key"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.db-deny"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """As by another process."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def test_without_a_file_nothing_is_refused(path: Path) -> None:
    assert not read_denials(path)
    assert not read_denials(None)
    assert not read_denials(path / "below")


def test_each_line_names_one(path: Path) -> None:
    path.write_text(f"# the phone\n{SESSION}  # 2026-11-21 stolen\r\n\n  {USER}\n{KEY}", "utf-8")
    assert read_denials(path) == Denied(identifiers=frozenset({SESSION, USER, KEY}))


@pytest.mark.parametrize("text", ["everything\n", "", "\n", "# nothing yet\n", f"{SESSION}\neverything # now\n"])
def test_the_word_for_everything_and_an_empty_file_refuse_everything(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")
    assert read_denials(path) == Denied(everything=True)


@pytest.mark.parametrize(
    "slip", ["ann@example.com", SESSION[:-1], SESSION + "a", SESSION.upper(), f"{SESSION} {USER}", "*", "\x00", "all"]
)
def test_a_line_that_means_nothing_refuses_everything_and_is_named(path: Path, slip: str) -> None:
    path.write_text(f"{USER}\n{slip}\n", "utf-8")
    denied = read_denials(path)
    assert denied.everything
    assert denied.trouble == f"line 2 of {path} is not understood"


def test_bytes_that_are_no_text_refuse_everything(path: Path) -> None:
    path.write_bytes(SESSION.encode("utf-16"))
    assert read_denials(path).everything


def test_a_file_that_cant_be_read_refuses_everything(path: Path) -> None:
    path.mkdir()
    assert read_denials(path).everything
    assert "can't be read" in read_denials(path).trouble


def test_a_file_without_end_refuses_everything(path: Path) -> None:
    path.write_bytes(b"#" * 1_000_001)
    assert "longer than" in read_denials(path).trouble


def test_what_is_written_is_read_and_can_be_read_by_a_server_of_another_name(path: Path) -> None:
    change_denials(path, lambda _: [f"{SESSION}  # stolen", USER])
    assert read_denials(path).identifiers == {SESSION, USER}
    assert path.stat().st_mode & 0o777 == 0o644
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("left", [[], ["# nothing any more"]])
def test_when_no_line_names_anything_the_file_is_removed(path: Path, left: list[str]) -> None:
    change_denials(path, lambda _: [USER])
    change_denials(path, lambda _: left)
    change_denials(path, lambda _: left)
    assert not path.exists()
    assert lines_of(path) == []


@pytest.mark.parametrize("text", ["", "# nothing yet\n"])
def test_a_file_that_lists_nothing_goes_on_to_refuse_everything_beside_what_is_added(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")
    change_denials(path, lambda lines: [*lines, USER])
    assert read_denials(path) == Denied(everything=True)
    assert lines_of(path)[-1] == USER


def test_of_many_changes_at_once_none_is_lost(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(denial_file, "_LOCK_PATIENCE", 300)  # however busy the disk is
    together = Barrier(6)
    wanted = [[new_identifier("ses") for _ in range(10)] for _ in range(6)]
    lifted = {each[-1] for each in wanted}

    def change(identifiers: list[str]) -> None:
        together.wait()
        for identifier in identifiers:
            change_denials(path, lambda lines, more=identifier: [*lines, more])  # type: ignore[misc]
        change_denials(path, lambda lines: [line for line in lines if line != identifiers[-1]])

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(change, wanted))
    assert read_denials(path).identifiers == {each for many in wanted for each in many} - lifted


def test_while_somebody_else_changes_it_nothing_is_read_or_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(denial_file, "_LOCK_PATIENCE", 0.05)
    change_denials(path, lambda _: [USER])
    with locked(path.parent), pytest.raises(Misconfigured, match=r"another process holds a lock.*SIGUSR1"):
        change_denials(path, lambda _: pytest.fail("it was read"))
    assert lines_of(path) == [USER]
    change_denials(path, lambda lines: [*lines, SESSION])
    assert read_denials(path).identifiers == {USER, SESSION}


def test_all_of_it_is_lifted_even_where_it_cant_be_understood_but_not_amid_a_change(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(denial_file, "_LOCK_PATIENCE", 0.05)
    path.write_bytes(SESSION.encode("utf-16"))
    with locked(path.parent), pytest.raises(Misconfigured, match="another process holds a lock"):
        lift_denials(path)
    assert read_denials(path).everything
    lift_denials(path)
    assert not read_denials(path)


def test_a_change_that_fails_leaves_the_file_and_lets_others_go_on(path: Path) -> None:
    change_denials(path, lambda _: [USER])
    with pytest.raises(ZeroDivisionError):
        change_denials(path, lambda _: [str(1 / 0)])
    change_denials(path, lambda lines: [*lines, SESSION])
    assert read_denials(path).identifiers == {USER, SESSION}


def test_where_there_are_no_such_locks_the_list_is_read_and_a_change_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text(USER, "utf-8")
    monkeypatch.setitem(sys.modules, "fcntl", None)
    there = run_path(denial_file.__file__)
    assert there["read_denials"](path).identifiers == {USER}
    with pytest.raises(Misconfigured, match="no fcntl: write the file with an editor"):
        there["change_denials"](path, lambda _: [])
    assert path.exists()


def test_a_folder_that_cant_be_written_is_said_with_what_to_do(path: Path) -> None:
    with pytest.raises(Misconfigured, match="COATCHECK_REVOCATION_DENY_LIST"):
        change_denials(path / "below", lambda _: [USER])
