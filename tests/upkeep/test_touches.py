"""Writing down when people were last seen: as many as a store has time for, and nobody is forgotten (rule 11)."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from coatcheck.errors import StoreUnavailable
from coatcheck.upkeep.touches import AT_ONCE, write_touches


class Seeing:
    """What a checker has seen: so many sessions, each at an instant of its own."""

    def __init__(self, many: int) -> None:
        self.seen = {f"ses_{number}": float(number) for number in range(many)}


class Table:
    """A store of which only ``touch`` is used. It breaks after ``lasts`` units of work; ``holds`` are held by somebody
    else."""

    def __init__(self, lasts: int = 1_000, holds: tuple[str, ...] = ()) -> None:
        self.lasts, self.holds = lasts, holds
        self.units: list[int] = []
        self.written: dict[str, float] = {}
        self.meanwhile: Callable[[], None] = lambda: None
        self.hangs: asyncio.Event | None = None

    async def write(self, work: Callable[[Any], Any], *, durable: bool) -> Any:
        assert not durable
        self.meanwhile()
        if self.hangs is not None:
            self.hangs.set()
            await asyncio.Event().wait()
        if len(self.units) >= self.lasts:
            raise StoreUnavailable
        return work(self)

    @property
    def sessions(self) -> "Table":
        return self

    def touch(self, seen: dict[str, Any]) -> list[str]:
        self.units.append(len(seen))
        self.written |= {each: at.timestamp() for each, at in seen.items() if each not in self.holds}
        return [each for each in seen if each in self.holds]


def written(checker: Seeing, table: Table) -> int:
    return asyncio.run(write_touches(checker, table))  # type: ignore[arg-type]


def test_no_unit_of_work_is_larger_than_a_store_has_time_for() -> None:
    checker, table = Seeing(10 * AT_ONCE + 1), Table()
    everybody = dict(checker.seen)
    assert written(checker, table) == len(everybody)
    assert table.units == [AT_ONCE] * 10 + [1]
    assert table.written == everybody
    assert checker.seen == {}


def test_what_was_written_before_the_store_went_away_is_not_written_again() -> None:
    checker, table = Seeing(5 * AT_ONCE), Table(lasts=2)
    everybody = dict(checker.seen)
    with pytest.raises(StoreUnavailable):
        written(checker, table)
    assert len(table.written) == 2 * AT_ONCE
    assert table.written | checker.seen == everybody
    assert not table.written.keys() & checker.seen.keys()
    table.lasts = 1_000
    assert written(checker, table) == 3 * AT_ONCE
    assert table.written == everybody


def test_who_is_seen_again_meanwhile_is_not_put_back_to_when_he_was_seen_before() -> None:
    for lasts in (0, 1):
        checker, table = Seeing(1), Table(lasts, holds=("ses_0",))
        table.meanwhile = lambda seen=checker.seen: seen.update(ses_0=99.0)  # type: ignore[misc]
        if lasts:
            assert written(checker, table) == 0
        else:
            with pytest.raises(StoreUnavailable):
                written(checker, table)
        assert checker.seen == {"ses_0": 99.0}


def test_whom_somebody_else_holds_is_written_the_next_time() -> None:
    checker, table = Seeing(AT_ONCE + 5), Table(holds=("ses_3", f"ses_{AT_ONCE + 1}"))
    assert written(checker, table) == AT_ONCE + 3
    assert checker.seen == {"ses_3": 3.0, f"ses_{AT_ONCE + 1}": AT_ONCE + 1.0}


def test_what_is_given_up_on_the_way_is_kept() -> None:
    async def give_up() -> Seeing:
        checker, table = Seeing(AT_ONCE + 5), Table()
        table.hangs = asyncio.Event()
        writing = asyncio.create_task(write_touches(checker, table))  # type: ignore[arg-type]
        await table.hangs.wait()
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        return checker

    assert asyncio.run(give_up()).seen == Seeing(AT_ONCE + 5).seen
