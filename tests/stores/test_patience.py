"""A request has so many seconds for all that it asks a store, and nobody else pays for it."""

import asyncio
import time
from math import inf

import pytest

from coatcheck.errors import StoreUnavailable
from coatcheck.stores.patience import Elsewhere, Leisure, Patience, time_left


def run(asked):
    return asyncio.run(asked())


def test_without_a_limit_there_is_none():
    async def asked():
        return time_left()

    assert run(asked) == inf


def test_a_limit_is_over_with_its_block():
    async def asked():
        with Patience(5):
            within = time_left()
        return within, time_left()

    within, after = run(asked)
    assert 4 < within <= 5
    assert after == inf


def test_time_passes_only_in_its_blocks():
    async def asked():
        patience = Patience(0.4)
        with patience:
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.5)
        with patience:
            left = time_left()
            await asyncio.sleep(0.35)
            return left, time_left()

    left, at_the_end = run(asked)
    assert 0 < left <= 0.3
    assert at_the_end == 0


def test_of_two_limits_the_shorter_one_counts():
    async def asked():
        with Patience(0.1), Patience(5):
            return time_left()

    assert run(asked) <= 0.1


def test_a_task_that_a_request_began_goes_on_without_its_limit():
    async def asked():
        async def elsewhere():
            return time_left()

        with Patience(0.1):
            return await asyncio.create_task(elsewhere())

    assert run(asked) == inf


def test_whoever_waits_at_leisure_has_no_limit_for_that():
    async def asked():
        with Patience(0.1):
            with Leisure():
                at_leisure = time_left()
            return at_leisure, time_left()

    at_leisure, after = run(asked)
    assert at_leisure == inf
    assert after <= 0.1


def dawdle(tx):
    tx.users._connection.exec_driver_sql("SELECT pg_sleep(0.2)")


def test_several_questions_to_a_database_together_take_no_longer(postgres_store):
    async def asked():
        began = time.monotonic()
        with Patience(0.5):
            await postgres_store.read(dawdle)
            with pytest.raises(StoreUnavailable):
                await postgres_store.read(lambda tx: [dawdle(tx) for _ in range(10)])
            with pytest.raises(StoreUnavailable):
                await postgres_store.read(dawdle)
        took = time.monotonic() - began
        await postgres_store.read(lambda tx: tx.log.head())  # what was broken off is no trouble for the next
        return took

    assert run(asked) < 1.5, "each question alone would be given three seconds"


def test_what_is_waited_for_elsewhere_uses_up_no_limit():
    async def asked():
        outer = Patience(0.2)
        with outer:
            with Patience(0.2), Elsewhere():
                await asyncio.sleep(0.3)
            after = time_left()
        with outer:
            return after, time_left()

    after, once_more = run(asked)
    assert 0.1 < once_more <= after <= 0.2
