"""One read answers everybody who asked before it began, and nobody who asked afterwards (rule 16)."""

import asyncio
from collections.abc import Sequence

import pytest

from coatcheck.authority import Answer, Question, Unregistered
from coatcheck.errors import StoreUnavailable
from coatcheck.upkeep.shared_reads import SharedReads

pytestmark = pytest.mark.anyio


class Slow:
    """Reads that take as long as the test wants; each answer says in which read it was given."""

    def __init__(self) -> None:
        self.reads: list[list[str]] = []
        self.go_on = asyncio.Event()
        self.fault: Exception | None = None

    async def answer_all(self, questions: Sequence[Question]) -> list[Answer]:
        self.reads.append([question.registration for question in questions])
        await self.go_on.wait()
        if self.fault is not None:
            raise self.fault
        return [Unregistered() for _ in questions]


async def asking(shared: SharedReads, *names: str) -> list["asyncio.Task[Answer]"]:
    tasks = [asyncio.create_task(shared.ask(Question(registration=name))) for name in names]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


async def test_who_asks_while_a_read_is_under_way_is_answered_from_the_next() -> None:
    slow = Slow()
    shared = SharedReads(slow.answer_all)
    first = await asking(shared, "a")
    later = await asking(shared, "b", "c")
    assert slow.reads == [["a"]]
    slow.go_on.set()
    await asyncio.gather(*first, *later)
    assert slow.reads == [["a"], ["b", "c"]]


async def test_trouble_is_told_to_all_who_asked_and_to_nobody_later() -> None:
    slow = Slow()
    shared = SharedReads(slow.answer_all)
    slow.fault = StoreUnavailable()
    tasks = await asking(shared, "a", "b")
    slow.go_on.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(outcome, StoreUnavailable) for outcome in outcomes)
    slow.fault = None
    assert await shared.ask(Question(registration="c")) == Unregistered()


async def test_who_gives_up_takes_nobody_along() -> None:
    slow = Slow()
    shared = SharedReads(slow.answer_all)
    given_up, kept = await asking(shared, "a", "b")
    given_up.cancel()
    slow.go_on.set()
    assert await kept == Unregistered()
