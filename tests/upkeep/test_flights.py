"""Who may share an answer (rule 8)."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from coatcheck.authority import Found, LookUp
from coatcheck.errors import StoreUnavailable
from coatcheck.model.position import Position
from coatcheck.upkeep.flights import Flights
from tests.revocation.builders import EPOCH

ASKED = LookUp(digest=b"d")


class Authority:
    """Answers when it is let; the answer tells when its read began."""

    def __init__(self) -> None:
        self.reads = 0
        self.gate = asyncio.Event()

    async def look_up(self, _: LookUp) -> Found:
        self.reads += 1
        mine = self.reads
        await self.gate.wait()
        return Found(position=Position(EPOCH, mine), record=None)


def flying(test: Callable[[Authority, Flights], Coroutine[Any, Any, None]], **limits: Any) -> None:
    async def run() -> None:
        authority = Authority()
        await test(authority, Flights(authority, **limits))  # type: ignore[arg-type]

    asyncio.run(run())


async def begun(flights: Flights, *, fresh: bool) -> asyncio.Task[Found]:
    task = asyncio.create_task(flights.look_up(ASKED, fresh))
    for _ in range(5):
        await asyncio.sleep(0)
    return task


def test_who_holds_a_lease_joins_what_is_under_way() -> None:
    async def test(authority: Authority, flights: Flights) -> None:
        first, second = await begun(flights, fresh=False), await begun(flights, fresh=False)
        authority.gate.set()
        assert await first == await second
        assert authority.reads == 1

    flying(test)


def test_a_fresh_question_does_not_join_a_read_that_has_begun() -> None:
    async def test(authority: Authority, flights: Flights) -> None:
        first, second = await begun(flights, fresh=False), await begun(flights, fresh=True)
        authority.gate.set()
        assert ((await first).position.seq, (await second).position.seq) == (1, 2)

    flying(test)


def test_fresh_questions_wait_together_for_one_read() -> None:
    async def test(authority: Authority, flights: Flights) -> None:
        first = await begun(flights, fresh=True)
        others = [await begun(flights, fresh=True) for _ in range(20)]
        authority.gate.set()
        await first
        assert {(await other).position.seq for other in others} == {2}
        assert authority.reads == 2

    flying(test)


def test_whoever_gives_up_takes_nobody_along() -> None:
    async def test(authority: Authority, flights: Flights) -> None:
        first, second = await begun(flights, fresh=False), await begun(flights, fresh=False)
        first.cancel()
        authority.gate.set()
        assert (await second).position.seq == 1

    flying(test)


def test_an_answer_that_does_not_come_is_none() -> None:
    async def test(_: Authority, flights: Flights) -> None:
        with pytest.raises(StoreUnavailable):
            await flights.look_up(ASKED, True)
        assert not flights._flying
        assert not flights._queued

    flying(test, patience=0.01)


def test_reads_are_bounded() -> None:
    async def test(authority: Authority, flights: Flights) -> None:
        asking = [asyncio.create_task(flights.look_up(LookUp(digest=bytes([n])), True)) for n in range(10)]
        await asyncio.sleep(0.01)
        assert authority.reads == 3
        authority.gate.set()
        await asyncio.gather(*asking)

    flying(test, most=3)
