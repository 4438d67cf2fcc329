"""A hashing pool that has all the work it can take, for as long as a test wants."""

import asyncio
import threading
from collections.abc import Callable

from coatcheck.passwords.pool import HashingPool


class Gate:
    """Jobs that write down that they began, then wait to be let through."""

    def __init__(self) -> None:
        self.began: list[object] = []
        self.opened = threading.Event()

    def job(self, name: object) -> object:
        self.began.append(name)
        assert self.opened.wait(30)
        return name


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  what is waited for happens on other threads
            await asyncio.sleep(0.001)


async def fill(pool: HashingPool, gate: Gate, waiting: int, workers: int = 1) -> list[asyncio.Task[object]]:
    """Occupy every worker, then let ``waiting`` jobs of as many addresses queue."""
    running = [asyncio.ensure_future(pool.run(gate.job, "running", address="192.0.2.1")) for _ in range(workers)]
    await until(lambda: len(gate.began) == workers)
    queued = [asyncio.ensure_future(pool.run(gate.job, n, address=f"198.51.100.{n}")) for n in range(waiting)]
    await asyncio.sleep(0)
    return running + queued
