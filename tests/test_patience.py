"""A request has so many seconds for all that it asks a store, and nobody else pays for it."""

import asyncio
from math import inf

import pytest

from coatcheck import patience
from coatcheck.errors import StoreUnavailable
from coatcheck.patience import Patience, PatiencePaused, Unhurried, awaited, time_left


def run(asked):
    return asyncio.run(asked())


def test_without_a_limit_there_is_none():
    async def asked():
        return time_left()

    assert run(asked) == inf


@pytest.fixture
def clock(monkeypatch):
    """The seconds that have passed, told by hand."""
    passed = [0.0]
    monkeypatch.setattr(patience, "monotonic", lambda: passed[0])

    def wait(seconds):
        passed[0] += seconds

    return wait


def test_a_limit_is_over_with_its_block(clock):
    async def asked():
        with Patience(5):
            clock(2)
            within = time_left()
        return within, time_left()

    assert run(asked) == (3, inf)


def test_time_passes_only_in_its_blocks(clock):
    async def asked():
        several = Patience(5)
        with several:
            clock(1)
        clock(60)
        with several:
            left = time_left()
            clock(10)
            return left, time_left()

    assert run(asked) == (4, 0)


def test_of_two_limits_the_shorter_one_counts(clock):
    async def asked():
        with Patience(1), Patience(5):
            return time_left()

    assert run(asked) == 1


def test_a_task_that_a_request_began_goes_on_without_its_limit(clock):
    async def asked():
        async def elsewhere():
            return time_left()

        with Patience(1):
            return await asyncio.create_task(elsewhere())

    assert run(asked) == inf


def test_whoever_is_in_no_hurry_has_no_limit_for_that(clock):
    async def asked():
        with Patience(1):
            with Unhurried():
                unhurried = time_left()
            return unhurried, time_left()

    assert run(asked) == (inf, 1)


def test_what_is_waited_for_elsewhere_uses_up_no_limit(clock):
    async def asked():
        outer = Patience(3)
        with outer:
            clock(1)
            with Patience(3), PatiencePaused():
                clock(60)
            after = time_left()
        with outer:
            return after, time_left()

    assert run(asked) == (2, 2)


@pytest.mark.parametrize("seconds", [0.05, None])
def test_what_others_wait_for_too_is_waited_for_no_longer_and_goes_on(seconds):
    async def asked():
        shared = asyncio.create_task(asyncio.sleep(0.3, "done"))
        if seconds is None:
            return await awaited(shared)
        with Patience(seconds), pytest.raises(StoreUnavailable):
            await awaited(shared)
        return await shared

    assert run(asked) == "done"
