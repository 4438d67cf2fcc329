"""Trouble that lasts is told once for each reason, whoever meets it, and once when it is over."""

import asyncio
from datetime import timedelta

import pytest

from coatcheck.errors import StoreUnavailable
from coatcheck.upkeep.troubles import Troubles
from tests.site import running

MOMENT = timedelta(milliseconds=1)


def test_each_reason_is_new_once_until_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    troubles = Troubles("It is over.")
    assert [troubles.are_new("away", each) for each in ("one", "other", "one")] == [True, False, False]
    assert troubles.are_new("full", "one")
    troubles.end("one")
    assert not caplog.records
    troubles.end("other")
    troubles.end("other")
    assert [record.getMessage() for record in caplog.records] == ["It is over."]
    assert troubles.are_new("away", "one")


def test_reasons_that_are_always_another_do_not_fill_the_log() -> None:
    troubles = Troubles("It is over.")
    assert sum(troubles.are_new(f"connection {number} was lost") for number in range(1_000)) <= 50


def test_what_never_failed_does_not_end(caplog: pytest.LogCaptureFixture) -> None:
    Troubles("It is over.").end("one")
    assert not caplog.records


async def _loops(caplog: pytest.LogCaptureFixture, fault: Exception) -> None:
    async with running() as site:
        engine, rounds, is_away = site.auth.parts.running, 0, True
        caplog.clear()

        async def work() -> None:
            nonlocal rounds
            rounds += 1
            if is_away:
                raise fault

        loops = [asyncio.create_task(engine._every(MOMENT, name, work)) for name in ("touches", "janitor", "purge")]
        while rounds < 60:  # noqa: ASYNC110 - the loops bring it about
            await asyncio.sleep(0.001)
        told = [record.getMessage() for record in caplog.records]
        is_away, rounds = False, 0
        while rounds < 60:  # noqa: ASYNC110 - the loops bring it about
            await asyncio.sleep(0.001)
        for loop in loops:
            loop.cancel()
        assert [record.getMessage() for record in caplog.records][len(told) :] == [
            "What runs by itself beside the checks is done again."
        ]
        assert len(told) == 1


@pytest.mark.anyio
async def test_loops_that_fail_alike_again_and_again_are_two_lines(caplog: pytest.LogCaptureFixture) -> None:
    await _loops(caplog, StoreUnavailable(reason="too many clients"))
    assert "too many clients" in caplog.records[0].getMessage()


@pytest.mark.anyio
async def test_what_nobody_expected_is_told_once_too(caplog: pytest.LogCaptureFixture) -> None:
    await _loops(caplog, ZeroDivisionError())
    assert caplog.records[0].exc_info is not None
