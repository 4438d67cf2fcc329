"""A snapshot of a long log is read beside everything else, for all who asked before it began (rules 3 and 4)."""

import asyncio
from typing import Any

import pytest

from coatcheck.errors import StoreUnavailable
from coatcheck.stores.late_snapshots import LateSnapshots
from tests.revocation.builders import snapshot


class Reads:
    """Reads that end when they are told to, numbered."""

    def __init__(self) -> None:
        self.may_end: list[asyncio.Event] = []
        self.fails = False

    async def __call__(self) -> Any:
        number, may_end = len(self.may_end) + 1, asyncio.Event()
        self.may_end.append(may_end)
        await may_end.wait()
        if self.fails:
            raise StoreUnavailable
        return snapshot(number)


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_all_who_ask_before_it_begins_share_a_read_and_who_asks_later_the_next() -> None:
    async def test() -> None:
        reads = Reads()
        late = LateSnapshots(reads)
        first = [asyncio.create_task(late.get(f"reg_{each}")) for each in range(3)]
        await settled()
        second = [asyncio.create_task(late.get(f"later_{each}")) for each in range(3)]
        await settled()
        assert len(reads.may_end) == 1, "one at a time"
        reads.may_end[0].set()
        assert {(told.head.seq, is_new) for told, is_new in await asyncio.gather(*first)} == {(1, True)}
        await settled()
        reads.may_end[1].set()
        assert {(told.head.seq, is_new) for told, is_new in await asyncio.gather(*second)} == {(2, True)}

    asyncio.run(test())


@pytest.mark.parametrize("is_over", [False, True])
def test_who_gave_up_and_is_back_is_answered_from_the_read_that_went_on_and_told_so(is_over: bool) -> None:
    async def test() -> None:
        reads = Reads()
        late = LateSnapshots(reads)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(late.get("reg_here"), 0.01)
        if is_over:
            reads.may_end[0].set()
            await settled()
        again = asyncio.create_task(late.get("reg_here"))
        await settled()
        reads.may_end[0].set()
        told, is_new = await again
        assert (told.head.seq, is_new, len(reads.may_end)) == (1, False, 1)
        once_more = asyncio.create_task(late.get("reg_here"))
        await settled()
        reads.may_end[1].set()
        told, is_new = await once_more
        assert (told.head.seq, is_new) == (2, True), "what it was told already is not told again"

    asyncio.run(test())


def test_a_registration_that_is_newer_than_a_read_is_never_answered_from_it() -> None:
    async def test() -> None:
        reads = Reads()
        late = LateSnapshots(reads)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(late.get("reg_old"), 0.01)
        new = asyncio.create_task(late.get("reg_new"))
        reads.may_end[0].set()
        await settled()
        assert not new.done()
        reads.may_end[1].set()
        told, is_new = await new
        assert (told.head.seq, is_new) == (2, True)

    asyncio.run(test())


def test_a_read_that_fails_is_told_and_the_next_one_tried() -> None:
    async def test() -> None:
        reads = Reads()
        late = LateSnapshots(reads)
        reads.fails = True
        failing = asyncio.create_task(late.get("reg_here"))
        await settled()
        reads.may_end[0].set()
        with pytest.raises(StoreUnavailable):
            await failing
        reads.fails = False
        again = asyncio.create_task(late.get("reg_here"))
        await settled()
        reads.may_end[1].set()
        assert (await again)[1] is True

    asyncio.run(test())
