"""The file that says what is refused for now: what it means; a slip refuses too much rather than too little."""

from pathlib import Path

import pytest

from coatcheck.errors import Misconfigured
from coatcheck.model.identifiers import identifier_of
from coatcheck.upkeep.denial_file import Denied, lines_of, read_denials, write_denials

SESSION, USER, KEY = (identifier_of(kind, bytes(range(16))) for kind in ("ses", "usr", "key"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.db-deny"


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
    write_denials(path, [f"{SESSION}  # stolen", USER])
    assert read_denials(path).identifiers == {SESSION, USER}
    assert path.stat().st_mode & 0o777 == 0o644
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_writing_no_line_removes_the_file(path: Path) -> None:
    write_denials(path, [USER])
    write_denials(path, [])
    write_denials(path, [])
    assert not path.exists()
    assert lines_of(path) == []


def test_a_folder_that_cant_be_written_is_said_with_what_to_do(path: Path) -> None:
    with pytest.raises(Misconfigured, match="COATCHECK_REVOCATION_DENY_LIST"):
        write_denials(path / "below", [USER])
