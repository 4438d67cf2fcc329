"""LG-17, FT-21: clients that go away in the middle of a hash, again and again. No place is lost."""

import asyncio
import random

import pytest

from coatcheck.errors import LoginBusy
from coatcheck.passwords.argon2 import PasswordHasher
from coatcheck.passwords.pool import HashingPool
from coatcheck.settings import PasswordSettings


@pytest.mark.parametrize("seed", range(3))
def test_after_a_thousand_cancellations_the_whole_queue_is_free(seed: int) -> None:
    chance = random.Random(seed)
    settings = PasswordSettings(workers=2, queue=64, memory_kib=256, iterations=1)
    hasher, pool = PasswordHasher(settings), HashingPool(settings)

    async def give_up() -> str:
        address = f"198.51.{chance.randrange(256)}.{chance.randrange(256)}"
        familiar = chance.random() < 0.3
        login = asyncio.ensure_future(pool.run(hasher.verify, None, "guess", address=address, familiar=familiar))
        for _ in range(chance.randrange(4)):
            await asyncio.sleep(chance.choice((0, 0, 0.0005)))
        login.cancel()
        try:
            await login
        except asyncio.CancelledError:
            return "cancelled"
        except LoginBusy:
            return "busy"
        return "done"

    async def scenario() -> None:
        outcomes = []
        for _ in range(20):
            outcomes += await asyncio.gather(*(give_up() for _ in range(50)))
        assert len(outcomes) == 1000
        assert outcomes.count("cancelled") > 300
        held = asyncio.Event()
        loop = asyncio.get_running_loop()

        def occupy() -> None:
            asyncio.run_coroutine_threadsafe(held.wait(), loop).result(30)

        for _ in range(500):  # those that were begun for nobody come to their end
            await asyncio.sleep(0.001)
        occupied = [asyncio.ensure_future(pool.run(occupy, address=f"203.0.113.{n}")) for n in range(2 + 48)]
        known = [asyncio.ensure_future(pool.run(occupy, address=f"192.0.2.{n}", familiar=True)) for n in range(16)]
        await asyncio.sleep(0.05)
        assert not any(job.done() for job in occupied + known), "a place was lost"
        with pytest.raises(LoginBusy):
            await pool.run(occupy, address="192.0.2.99", familiar=True)
        held.set()
        await asyncio.gather(*occupied, *known)

    asyncio.run(scenario())
    pool.close()
