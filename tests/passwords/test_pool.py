"""The hashing pool: bounded, fair, and out of everybody's way."""

import asyncio
import gc
import os
import sys
import threading
import time
import warnings
from datetime import timedelta

import pytest

from coatcheck.errors import LoginBusy
from coatcheck.passwords.pool import HashingPool
from coatcheck.settings import PasswordSettings
from tests.passwords.full_pool import Gate, fill, until


def small(workers: int = 1, queue: int = 8) -> HashingPool:
    return HashingPool(PasswordSettings(workers=workers, queue=queue))


def hashing_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "coatcheck-hashing"]


def test_a_result_and_an_exception_come_back_to_the_caller() -> None:
    async def scenario() -> None:
        pool = small()
        assert await pool.run(divmod, 7, 2, address="192.0.2.1") == (3, 1)
        for error in (ZeroDivisionError, StopIteration, SystemExit):

            def fail(kind: type[BaseException] = error) -> None:
                raise kind

            with pytest.raises(RuntimeError if error is StopIteration else error):
                await pool.run(fail, address="192.0.2.1")
        assert await pool.run(int, "5", address="192.0.2.1") == 5
        pool.close()

    asyncio.run(scenario())


def test_no_more_run_at_once_than_there_are_workers() -> None:
    async def scenario() -> None:
        lock, now, most = threading.Lock(), 0, 0

        def job() -> None:
            nonlocal now, most
            with lock:
                now += 1
                most = max(most, now)
            time.sleep(0.002)
            with lock:
                now -= 1

        pool = small(workers=3, queue=200)
        await asyncio.gather(*(pool.run(job, address=f"198.51.100.{n}") for n in range(100)))
        assert most == 3
        pool.close()

    asyncio.run(scenario())


def test_without_a_setting_there_is_a_worker_for_each_core() -> None:
    async def scenario() -> None:
        before = set(hashing_threads())
        pool = HashingPool(PasswordSettings())
        gate = Gate()
        cores = os.cpu_count() or 1
        jobs = await fill(pool, gate, 5, workers=cores)
        assert len(gate.began) == cores
        assert len(set(hashing_threads()) - before) == cores
        gate.opened.set()
        await asyncio.gather(*jobs)
        pool.close()

    asyncio.run(scenario())


def test_a_full_queue_refuses_at_once_and_says_when_to_come_back() -> None:
    async def scenario() -> None:
        pool, gate = small(), Gate()
        jobs = await fill(pool, gate, 6)
        with pytest.raises(LoginBusy) as busy:
            async with asyncio.timeout(5):  # the gate is closed: whoever waits does so until then
                await pool.run(gate.job, "late", address="203.0.113.1")
        assert busy.value.retry_after >= timedelta(seconds=1)
        gate.opened.set()
        await asyncio.gather(*jobs)
        assert "late" not in gate.began
        pool.close()

    asyncio.run(scenario())


def test_a_known_device_has_a_reserve_in_a_queue_that_strangers_filled() -> None:
    async def scenario() -> None:
        pool, gate = small(), Gate()
        jobs = await fill(pool, gate, 6)
        for name in ("known", "also known"):
            job = pool.run(gate.job, name, address=f"203.0.113.{len(name)}", familiar=True)
            jobs.append(asyncio.ensure_future(job))
        await asyncio.sleep(0)
        with pytest.raises(LoginBusy):
            await pool.run(gate.job, "over the whole queue", address="203.0.113.3", familiar=True)
        gate.opened.set()
        await asyncio.gather(*jobs)
        assert gate.began == ["running", "known", 0, "also known", 1, 2, 3, 4, 5]
        pool.close()

    asyncio.run(scenario())


def test_one_address_holds_at_most_a_quarter_of_the_queue() -> None:
    async def scenario() -> None:
        pool, gate = small(queue=16), Gate()
        jobs = await fill(pool, gate, 0)
        for n in range(4):
            jobs.append(asyncio.ensure_future(pool.run(gate.job, n, address=f"2001:db8::{n}")))
        await asyncio.sleep(0)
        for familiar in (False, True):
            with pytest.raises(LoginBusy):
                await pool.run(gate.job, "greedy", address="2001:db8::ffff", familiar=familiar)
        jobs.append(asyncio.ensure_future(pool.run(gate.job, "somebody else", address="2001:db8:0:1::1")))
        await asyncio.sleep(0)
        gate.opened.set()
        await asyncio.gather(*jobs)
        pool.close()

    asyncio.run(scenario())


def test_addresses_take_turns() -> None:
    async def scenario() -> None:
        pool, gate = small(queue=32), Gate()
        jobs = await fill(pool, gate, 0)
        for address in ("a", "b", "c"):
            for n in range(3):
                job = pool.run(gate.job, f"{address}{n}", address=f"198.51.100.{ord(address)}")
                jobs.append(asyncio.ensure_future(job))
                await asyncio.sleep(0)
        gate.opened.set()
        await asyncio.gather(*jobs)
        assert gate.began[1:] == ["a0", "b0", "c0", "a1", "b1", "c1", "a2", "b2", "c2"]
        pool.close()

    asyncio.run(scenario())


def test_who_is_cancelled_gives_the_place_back_and_is_not_computed() -> None:
    async def scenario() -> None:
        pool, gate = small(), Gate()
        jobs = await fill(pool, gate, 6)
        jobs[3].cancel()
        await asyncio.sleep(0)
        jobs.append(asyncio.ensure_future(pool.run(gate.job, "next", address="203.0.113.1")))
        await asyncio.sleep(0)
        gate.opened.set()
        results = await asyncio.gather(*jobs, return_exceptions=True)
        assert isinstance(results[3], asyncio.CancelledError)
        assert gate.began == ["running", 0, 1, 3, 4, 5, "next"]
        pool.close()

    asyncio.run(scenario())


def test_who_is_cancelled_is_not_computed_even_before_its_loop_has_noticed() -> None:
    async def scenario() -> None:
        pool, gate = small(), Gate()
        jobs = await fill(pool, gate, 2)
        jobs[1].cancel()
        gate.opened.set()
        ends = time.monotonic() + 30
        while len(gate.began) < 2 and time.monotonic() < ends:  # the loop stands still
            time.sleep(0.001)  # noqa: ASYNC251
        await asyncio.gather(*jobs, return_exceptions=True)
        assert gate.began == ["running", 1]
        pool.close()

    asyncio.run(scenario())


def test_who_is_cancelled_while_it_runs_leaves_the_thread_to_the_next() -> None:
    async def scenario() -> None:
        pool, gate = small(), Gate()
        jobs = await fill(pool, gate, 1)
        jobs[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await jobs[0]
        gate.opened.set()
        assert await jobs[1] == 0
        pool.close()

    asyncio.run(scenario())


def test_several_loops_use_one_pool() -> None:
    pool = small(workers=2, queue=400)
    results: dict[int, list[int]] = {}

    async def ask(loop: int) -> None:
        jobs = (pool.run(pow, loop, n, address=f"198.51.{loop}.{n}") for n in range(50))
        results[loop] = await asyncio.gather(*jobs)

    threads = [threading.Thread(target=lambda n=loop: asyncio.run(ask(n))) for loop in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert results == {loop: [loop**n for n in range(50)] for loop in range(4)}
    pool.close()


def test_a_loop_that_was_closed_meanwhile_does_not_hurt_the_pool() -> None:
    pool, gate = small(), Gate()

    async def leave() -> None:
        job = asyncio.ensure_future(pool.run(gate.job, "left", address="192.0.2.1"))
        await until(lambda: bool(gate.began))
        job.cancel()

    asyncio.run(leave())
    gate.opened.set()
    assert asyncio.run(pool.run(int, "5", address="192.0.2.1")) == 5
    pool.close()


def test_closing_refuses_what_waits_and_lets_the_threads_go() -> None:
    async def scenario() -> None:
        before = set(hashing_threads())
        pool, gate = small(workers=2), Gate()
        jobs = await fill(pool, gate, 3, workers=2)
        pool.close()
        pool.close()
        gate.opened.set()
        results = await asyncio.gather(*jobs, return_exceptions=True)
        assert results[:2] == ["running", "running"]
        assert all(isinstance(result, LoginBusy) for result in results[2:])
        await until(lambda: set(hashing_threads()) <= before)
        assert await pool.run(int, "5", address="192.0.2.1") == 5
        pool.close()

    asyncio.run(scenario())


def test_a_pool_that_is_forgotten_lets_its_threads_go() -> None:
    async def scenario() -> None:
        before = set(hashing_threads())
        pool = small(workers=2)
        assert await pool.run(int, "5", address="192.0.2.1") == 5
        assert set(hashing_threads()) - before
        del pool
        gc.collect()
        await until(lambda: set(hashing_threads()) <= before)

    asyncio.run(scenario())


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux has a thread a priority of its own")
def test_the_threads_have_the_lowest_priority_and_nobody_else_has() -> None:
    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    async def scenario() -> None:
        before = priority()
        pool = small()
        assert await pool.run(priority, address="192.0.2.1") == 19
        assert priority() == before
        pool.close()

    asyncio.run(scenario())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_fork_has_threads_of_its_own() -> None:
    pool, gate = small(), Gate()
    queued = threading.Event()

    async def scenario() -> None:
        jobs = await fill(pool, gate, 3)
        queued.set()
        assert await asyncio.gather(*jobs) == ["running", 0, 1, 2]

    parent = threading.Thread(target=lambda: asyncio.run(scenario()))
    parent.start()
    assert queued.wait(30)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # there are threads: that is the point
        child = os.fork()
    if not child:
        code = 1
        try:
            if asyncio.run(pool.run(os.getpid, address="192.0.2.1")) == os.getpid():
                code = 0
        finally:
            os._exit(code)
    gate.opened.set()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    parent.join(30)
    assert gate.began == ["running", 0, 1, 2]
    pool.close()
