"""One read for everybody who asked before it began, and for nobody who asked later (rule 16)."""

import asyncio
from collections.abc import Sequence

import pytest

from coatcheck.authority import Answer, Question, Unregistered
from coatcheck.errors import StoreUnavailable
from coatcheck.upkeep.shared_reads import SharedReads


class Reads:
    """Counts reads, and lets each end when it is told to."""

    def __init__(self) -> None:
        self.begun: list[list[str]] = []
        self.may_end = asyncio.Event()

    async def answer_all(self, questions: Sequence[Question]) -> list[Answer]:
        self.begun.append([question.registration for question in questions])
        await self.may_end.wait()
        if "failing" in self.begun[-1]:
            raise StoreUnavailable
        return [Unregistered() for _ in questions]


def question(name: str) -> Question:
    return Question(registration=name)


async def under_way(reads: Reads, count: int) -> None:
    while len(reads.begun) < count:  # noqa: ASYNC110 - until it has begun
        await asyncio.sleep(0.001)


def test_who_asks_while_a_read_is_under_way_is_answered_from_the_next_one_with_all_who_came_meanwhile() -> None:
    async def test() -> None:
        reads = Reads()
        shared = SharedReads(reads.answer_all)
        first = asyncio.create_task(shared.ask(question("first")))
        await under_way(reads, 1)
        late = [asyncio.create_task(shared.ask(question(f"late {each}"))) for each in range(3)]
        await asyncio.sleep(0.02)
        assert reads.begun == [["first"]]
        reads.may_end.set()
        await asyncio.gather(first, *late)
        assert reads.begun == [["first"], ["late 0", "late 1", "late 2"]]

    asyncio.run(test())


def test_a_read_that_fails_is_told_to_those_who_shared_it_and_to_nobody_else() -> None:
    async def test() -> None:
        reads = Reads()
        shared = SharedReads(reads.answer_all)
        failing = asyncio.create_task(shared.ask(question("failing")))
        await under_way(reads, 1)
        later = asyncio.create_task(shared.ask(question("later")))
        await asyncio.sleep(0)
        reads.may_end.set()
        with pytest.raises(StoreUnavailable):
            await failing
        assert await later == Unregistered()

    asyncio.run(test())


def test_who_does_not_wait_any_more_keeps_nobody_from_an_answer() -> None:
    async def test() -> None:
        reads = Reads()
        shared = SharedReads(reads.answer_all)
        asks = [asyncio.create_task(shared.ask(question(f"{each}"))) for each in range(2)]
        await under_way(reads, 1)
        asks[0].cancel()
        reads.may_end.set()
        assert await asks[1] == Unregistered()

    asyncio.run(test())
