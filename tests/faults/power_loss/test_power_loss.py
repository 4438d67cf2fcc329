"""FT-06 in short; ``python -m tests.faults power-loss`` cuts a thousand times. The judge notices a disk that lies."""

import asyncio
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from coatcheck.stores.sqlite.connect import connect, driver
from coatcheck.stores.sqlite.store import SqliteStore
from tests.faults.power_loss import every_cut
from tests.faults.power_loss.cuts import Image, disk_after
from tests.faults.power_loss.disk_writes import Entry, Noted, Recording, Synced, recorded, why_not
from tests.faults.power_loss.every_cut import Lies
from tests.faults.power_loss.life import MAIN, REGISTRY, Committed, content_of, record

pytestmark = [
    pytest.mark.xdist_group("power loss"),
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
]


def test_a_power_loss_takes_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    figures = every_cut.run(tmp_path, number=60, deeds=80, seed=6)
    assert figures["violations"] == 0
    assert figures["registry: cuts that took commits that were not forced"] > 0
    assert figures["cuts while the log was copied back"] > 0


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> list[Entry]:
    return record(tmp_path_factory.mktemp("lived"), 60, Random(6))


LYING: list[tuple[str, Lies, tuple[str, ...]]] = [
    ("no file is synced", lambda _: True, (f"{MAIN}: LOST", f"{REGISTRY}: LOST")),
    ("the log is not", lambda name: name.endswith("-wal"), (f"{MAIN}: LOST", "given is refused")),
    ("the database is not", lambda name: name in (MAIN, REGISTRY), (f"{MAIN}: RUINED", f"{REGISTRY}: RUINED")),
]


@pytest.mark.parametrize(("lies", "noticed"), [each[1:] for each in LYING], ids=[each[0] for each in LYING])
def test_the_judge_notices_a_disk_that_lies(
    tmp_path: Path, lived: list[Entry], lies: Lies, noticed: tuple[str, ...]
) -> None:
    violations = every_cut.cut(lived, tmp_path, 50, Random(6), lies).violations
    for what in noticed:
        assert any(what in violation for violation in violations), (what, violations)


@pytest.mark.parametrize("mode", ["NORMAL", "OFF"])
def test_the_judge_notices_a_store_that_does_not_force_its_commits(tmp_path: Path, mode: str) -> None:
    entries = record(tmp_path, 60, Random(6), {"FULL": mode})
    violations = every_cut.cut(entries, tmp_path / "cuts", 50, Random(6)).violations
    assert any(f"{MAIN}: LOST" in violation for violation in violations), violations


def test_the_judge_notices_what_never_was(tmp_path: Path, lived: list[Entry]) -> None:
    commits = [entry for entry in lived if isinstance(entry, Noted) and isinstance(entry.what, Committed)]
    never = set(map(id, commits[::2]))
    violations = every_cut.cut([entry for entry in lived if id(entry) not in never], tmp_path, 50, Random(6)).violations
    assert any(f"{MAIN}: TORN" in violation for violation in violations), violations


def test_what_a_server_finds_when_it_starts_is_forced_to_the_disk(tmp_path: Path, lived: list[Entry]) -> None:
    """Whoever wrote it was killed before it was, and now everybody sees it."""
    at, commit = next(
        (at, entry.what)
        for at, entry in reversed([*enumerate(lived)])
        if isinstance(entry, Noted)
        and isinstance(entry.what, Committed)
        and (entry.what.database, entry.what.is_forced) == (MAIN, True)
        and isinstance(lived[at - 1], Synced)
    )
    recording = Recording(lived[:at])
    recording.kill(at - 1)
    put(disk_after(recording.entries).keep_power(), tmp_path / "started")

    async def start() -> None:
        store = SqliteStore(tmp_path / "started" / MAIN)
        await store.open()
        recording.note("started")
        await store.close()

    with recorded(tmp_path / "started", recording):
        asyncio.run(start())
    disk = disk_after(recording.entries[: recording.entries.index(Noted("started"))])
    for seed in range(20):
        put(disk.lose_power(Random(seed)), tmp_path / str(seed))
        with closing(connect(tmp_path / str(seed) / MAIN, query_only=True)) as connection:
            assert content_of(driver(connection)) == commit.content


def put(image: Image, folder: Path) -> None:
    folder.mkdir()
    for name, content in image.items():
        (folder / name).write_bytes(content)
