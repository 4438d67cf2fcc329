"""A database is set aside: what a killed copy left is gone on with, and what is anybody else's is never touched."""

import os
from pathlib import Path

import pytest

from coatcheck.errors import DataConflict
from coatcheck.stores.sqlite.aside import aside_of, read_text, require_vacant, set_aside, text_for

CONTENTS = b"SQLite format 3\0" + b"x" * 9_000
PLACE = "coatcheck at db.internal"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "app.db"
    path.write_bytes(CONTENTS)
    return path


@pytest.fixture
def draft(path: Path) -> Path:
    return path.with_name("app.db-moved.draft")


def moved(path: Path) -> None:
    """Set it aside, and see that nothing else is left."""
    require_vacant(path)
    set_aside(path, PLACE)
    assert read_text(path) == text_for(path, PLACE)
    assert aside_of(path).read_bytes() == CONTENTS
    assert sorted(each.name for each in path.parent.iterdir()) == ["app.db", "app.db-moved"]


def refused(path: Path, in_the_way: Path) -> None:
    """Nothing is set aside, and the database is still there."""
    with pytest.raises(DataConflict, match=rf"{in_the_way.name} is in the way"):
        require_vacant(path)
    with pytest.raises(FileExistsError):
        set_aside(path, PLACE)
    assert path.read_bytes() == CONTENTS


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 1.0])
@pytest.mark.parametrize("has_second_name", [False, True])
def test_what_a_killed_copy_left_is_gone_on_with(path: Path, draft: Path, share: float, has_second_name: bool) -> None:
    text = text_for(path, "another place") + "\n"
    draft.write_text(text[: int(len(text) * share)], "utf-8")
    if has_second_name:
        os.link(path, aside_of(path))
    moved(path)


def test_a_link_in_place_of_the_database_is_gone_on_with_just_so(path: Path) -> None:
    path.rename(path.with_name("elsewhere.db"))
    path.symlink_to("elsewhere.db")
    os.link(path, aside_of(path), follow_symlinks=False)
    require_vacant(path)
    set_aside(path, PLACE)
    assert aside_of(path).read_bytes() == CONTENTS


def test_a_copy_of_the_database_under_the_name_that_it_gets_is_in_the_way(path: Path) -> None:
    aside_of(path).write_bytes(CONTENTS)
    refused(path, aside_of(path))


def test_a_link_to_the_database_is_in_the_way_as_it_would_lead_to_the_text_afterwards(path: Path) -> None:
    aside_of(path).symlink_to(path.name)
    refused(path, aside_of(path))
    assert aside_of(path).is_symlink()


def test_a_link_to_nothing_is_in_the_way(path: Path) -> None:
    aside_of(path).symlink_to("nowhere")
    refused(path, aside_of(path))


@pytest.mark.parametrize(
    "contents", [b"mine", b"This is mine, and not a text of Coatcheck's", CONTENTS], ids=["short", "alike", "long"]
)
def test_somebody_elses_file_is_no_draft(path: Path, draft: Path, contents: bytes) -> None:
    draft.write_bytes(contents)
    refused(path, draft)
    assert draft.read_bytes() == contents


def test_a_link_is_no_draft(path: Path, draft: Path) -> None:
    other = path.with_name("other")
    other.touch()
    draft.symlink_to(other)
    refused(path, draft)
    assert draft.is_symlink()
