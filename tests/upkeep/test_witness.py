"""The witness where it is of no use: nobody is held up, and it is said."""

import logging
from pathlib import Path

import pytest

from coatcheck import Auth, Settings
from coatcheck.model.position import Position, first_epoch
from coatcheck.testing import fast_passwords
from coatcheck.upkeep.witness import Witness

EPOCH = first_epoch()


def test_a_witness_that_can_not_be_written_is_said_once_until_it_can_be_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "away"
    witness = Witness(folder / "witness")
    for seq in range(3):
        witness.remember(Position(EPOCH, seq), "evt")
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert f"{folder / 'witness'} can't be written (No such file or directory)" in caplog.text
    assert "is not there" in witness.trouble()
    folder.mkdir()
    witness.remember(Position(EPOCH, 3), "evt")
    assert (witness.trouble(), witness.recall()) == ("", (Position(EPOCH, 3), "evt"))


def test_a_witness_that_is_not_there_yet_is_no_trouble_and_one_that_is_something_else_is(tmp_path: Path) -> None:
    path = tmp_path / "witness"
    assert Witness(path).trouble() == Witness(None).trouble() == ""
    path.write_text("[1]")
    assert "does not hold what a server writes there" in Witness(path).trouble()
    assert Witness(path).recall() is None
    path.unlink()
    path.mkdir()
    assert "can't be read (Is a directory)" in Witness(path).trouble()


@pytest.mark.anyio
async def test_a_server_that_starts_beside_an_unreadable_witness_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "app.db-witness").mkdir()
    async with Auth(Settings(database=f"sqlite:///{tmp_path}/app.db", passwords=fast_passwords())):
        pass
    said = [record.getMessage() for record in caplog.records]
    assert len([each for each in said if "can't be read (Is a directory)" in each]) == 1, said
    assert len([each for each in said if "can't be written" in each]) == 1, said
