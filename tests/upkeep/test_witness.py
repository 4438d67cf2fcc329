"""The witness: what it saw stays there until a new epoch begins. Where it is of no use nobody is held up, and it is
said."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from coatcheck import Auth, Settings
from coatcheck.errors import Misconfigured, StoreUnavailable
from coatcheck.model.event import SessionEnded
from coatcheck.model.identifiers import new_identifier
from coatcheck.model.position import Position, first_epoch
from coatcheck.settings import RevocationSettings
from coatcheck.stores.memory.store import MemoryStore
from coatcheck.testing import fast_passwords
from coatcheck.upkeep.witness import Witness
from tests.simulation.world import copy_of

EPOCH = first_epoch()


class Database:
    """A store of which a backup is made and put back while processes run. Nobody is told of news: they ask."""

    def __init__(self) -> None:
        self.kept = MemoryStore()
        self._backup = self.kept

    def __getattr__(self, name: str) -> Any:
        return getattr(self.kept, name)

    def watch(self, *_: Any) -> Callable[[], None]:
        return lambda: None

    @property
    def seq(self) -> int:
        return self.kept.view(lambda tx: tx.log.head()).seq

    def end_sessions(self, many: int) -> None:
        for _ in range(many):
            self.kept.transact(lambda tx: tx.log.append(SessionEnded(new_identifier("ses"))))

    def begin_an_epoch(self) -> None:
        self.kept.transact(lambda tx: tx.log.begin_epoch(tx.log.head().epoch.successor()))

    def back_up(self) -> None:
        self._backup = copy_of(self.kept)

    def put_back(self) -> None:
        self.kept = copy_of(self._backup)


class Machine:
    """Processes that share a witness. They ask the store when they are told to: their leases are long."""

    def __init__(self, folder: Path) -> None:
        self.database = Database()
        self.path = folder / "witness"

    @asynccontextmanager
    async def process(self) -> AsyncIterator[Auth]:
        settings = Settings(
            database="memory:",
            secrets=("a secret of these tests, longer than thirty-two characters",),
            passwords=fast_passwords(),
            revocation=RevocationSettings(lease=timedelta(minutes=10), witness=str(self.path)),
        )
        async with Auth(settings, store=self.database) as auth:  # type: ignore[arg-type]
            yield auth

    @property
    def seen(self) -> tuple[Position, str]:
        seen = Witness(self.path).recall()
        assert seen is not None
        return seen

    async def starts(self) -> bool:
        try:
            async with self.process():
                return True
        except Misconfigured as fault:
            return "went back in time" not in fault.message


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


async def follow(process: Auth) -> None:
    """Ask for the news, and note how far they go."""
    assert await process.parts.running.follower.sync()
    await note(process)


async def note(process: Auth) -> None:
    await process.parts.running._write_witness()


@pytest.mark.anyio
async def test_a_process_that_goes_on_with_another_history_leaves_what_was_seen_of_the_one_before(
    machine: Machine,
) -> None:
    database = machine.database
    async with machine.process() as process:
        database.back_up()
        database.end_sessions(2)
        await follow(process)
        seen = machine.seen
        database.put_back()
        for _ in range(3):
            database.end_sessions(4)
            await follow(process)
            assert machine.seen == seen
        assert not await machine.starts()
    assert machine.seen == seen, "stopping writes nothing else"
    assert not await machine.starts()


@pytest.mark.anyio
async def test_what_was_seen_and_not_yet_written_when_the_backup_was_put_back_is_written(machine: Machine) -> None:
    database = machine.database
    async with machine.process() as process:
        database.back_up()
        database.end_sessions(2)
        assert await process.parts.running.follower.sync()
        seen = process.parts.running.replica.position
        database.put_back()
        database.end_sessions(4)
        await follow(process)
        assert machine.seen[0] == seen
        assert not await machine.starts()


@pytest.mark.anyio
async def test_a_process_that_had_not_come_as_far_does_not_write_over_what_another_has_seen(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    database = machine.database
    async with machine.process() as behind:
        async with machine.process() as ahead:
            database.back_up()
            database.end_sessions(2)
            await follow(ahead)
        seen = machine.seen
        database.put_back()
        for _ in range(3):
            database.end_sessions(2)
            await follow(behind)
            assert machine.seen == seen
        assert behind.parts.running.subscriber.alarms == 0, "it has not noticed by itself"
    assert len([record for record in caplog.records if "went back in time" in record.getMessage()]) == 1
    assert not await machine.starts()


@pytest.mark.anyio
async def test_a_new_epoch_is_remembered_and_all_is_well(machine: Machine) -> None:
    database = machine.database
    async with machine.process() as behind, machine.process() as process:
        database.back_up()
        database.end_sessions(2)
        await follow(process)
        database.put_back()
        database.end_sessions(4)
        await follow(process)
        database.begin_an_epoch()
        for each in (process, behind):
            database.end_sessions(1)
            await follow(each)
            assert machine.seen[0] == each.parts.running.replica.position
        assert await machine.starts()


@pytest.mark.anyio
async def test_the_database_itself_put_back_in_the_place_of_a_backup_is_followed_again_after_a_start(
    machine: Machine,
) -> None:
    database = machine.database
    async with machine.process() as ahead:
        database.back_up()
        database.end_sessions(2)
        await follow(ahead)
    right, seen = database.kept, machine.seen
    database.put_back()
    assert not await machine.starts()
    database.kept = right
    async with machine.process() as process:
        database.end_sessions(1)
        await follow(process)
        assert machine.seen[0].seq == database.seq > seen[0].seq


@pytest.mark.anyio
async def test_of_several_processes_the_one_that_has_seen_most_is_believed(tmp_path: Path) -> None:
    database, path = Database(), tmp_path / "witness"
    database.end_sessions(9)
    ids = {seq: database.kept.view(lambda tx, seq=seq: tx.log.event_id_at(seq)) for seq in range(1, 10)}  # type: ignore[misc]
    epoch = database.kept.view(lambda tx: tx.log.head()).epoch
    one, other = Witness(path), Witness(path)
    for witness, seq, then in ((one, 3, 3), (other, 2, 3), (other, 3, 3), (other, 5, 5), (one, 4, 5), (one, 9, 9)):
        await witness.follow(database.kept, Position(epoch, seq), str(ids[seq]))
        seen = Witness(path).recall()
        assert seen == (Position(epoch, then), ids[then])


@pytest.mark.anyio
async def test_who_writes_alone_asks_the_store_nothing(tmp_path: Path) -> None:
    class Away(MemoryStore):
        async def read(self, *_: Any, **__: Any) -> Any:
            raise StoreUnavailable

    witness = Witness(tmp_path / "witness")
    for seq in range(1, 4):
        await witness.follow(Away(), Position(EPOCH, seq), f"evt{seq}")
    assert witness.recall() == (Position(EPOCH, 3), "evt3")
    with pytest.raises(StoreUnavailable):
        await Witness(tmp_path / "witness").follow(Away(), Position(EPOCH, 4), "evt4")
    assert witness.recall() == (Position(EPOCH, 3), "evt3")


@pytest.mark.anyio
async def test_what_could_not_be_written_is_tried_again_without_news(tmp_path: Path) -> None:
    witness = Witness(tmp_path / "away" / "witness")
    for _ in range(2):
        await witness.follow(MemoryStore(), Position(EPOCH, 3), "evt3")
        assert witness.recall() is None
    (tmp_path / "away").mkdir()
    await witness.follow(MemoryStore(), Position(EPOCH, 3), "evt3")
    assert witness.recall() == (Position(EPOCH, 3), "evt3")


@pytest.mark.anyio
async def test_a_store_that_can_not_be_asked_hinders_neither_a_start_nor_a_goodbye(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unavailable(*_: Any) -> None:
        raise StoreUnavailable

    monkeypatch.setattr(Witness, "follow", unavailable)
    async with machine.process() as process:
        assert await process.parts.running.follower.sync()
        assert machine.database.kept.registry_view(lambda registry: registry.all())
    assert not machine.database.kept.registry_view(lambda registry: registry.all())


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
