"""One thread, one job after the other, for callers on any loop."""

import asyncio
import gc
import threading

import pytest

from coatcheck.stores.sql.worker import Worker


@pytest.fixture
def worker():
    worker = Worker("a worker")
    yield worker
    worker.stop(5)


def test_jobs_run_in_one_thread_in_order(worker):
    async def use():
        return await asyncio.gather(*(worker.run(lambda n=n: (n, threading.current_thread().name)) for n in range(20)))

    assert asyncio.run(use()) == [(n, "a worker") for n in range(20)]


@pytest.mark.parametrize("error", [ValueError("a"), KeyboardInterrupt(), SystemExit(3), asyncio.CancelledError()])
def test_what_a_job_raises_reaches_its_caller_and_the_thread_goes_on(worker, error):
    def fail():
        raise error

    async def use():
        with pytest.raises(type(error)):
            await worker.run(fail)
        return await worker.run(lambda: "alive")

    assert asyncio.run(use()) == "alive"


def test_a_job_that_raises_stop_iteration_does_not_hang_its_caller(worker):
    with pytest.raises(RuntimeError, match="StopIteration"):
        asyncio.run(asyncio.wait_for(worker.run(lambda: next(iter(()))), 5))


def test_a_job_that_has_begun_runs_to_its_end_and_one_that_has_not_is_passed_over(worker):
    begun, go_on, ran = threading.Event(), threading.Event(), []

    def first():
        begun.set()
        assert go_on.wait(5)
        ran.append("first")

    async def use():
        tasks = [asyncio.create_task(worker.run(job)) for job in (first, lambda: ran.append("second"))]
        await asyncio.to_thread(begun.wait, 5)
        for task in tasks:
            task.cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(answer) for answer in answers] == [asyncio.CancelledError] * 2
        go_on.set()
        await worker.run(lambda: ran.append("third"))

    asyncio.run(use())
    assert ran == ["first", "third"]


def test_a_caller_whose_loop_is_gone_does_no_harm(worker):
    begun, go_on = threading.Event(), threading.Event()

    def slow():
        begun.set()
        assert go_on.wait(5)

    async def leave():
        task = asyncio.create_task(worker.run(slow))
        await asyncio.to_thread(begun.wait, 5)
        task.cancel()

    asyncio.run(leave())
    go_on.set()
    assert asyncio.run(worker.run(lambda: "alive")) == "alive"


def test_callers_on_several_loops_are_served(worker):
    answers = []

    def ask(number):
        answers.append(asyncio.run(worker.run(lambda: number)))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert sorted(answers) == list(range(8))


def test_a_resting_thread_does_nothing_until_it_is_let_go(worker):
    async def use():
        await worker.run(lambda: None)
        assert worker.rest(5)
        task = asyncio.create_task(worker.run(lambda: "done"))
        await asyncio.sleep(0.02)
        assert not task.done()
        worker.resume()
        return await task

    assert asyncio.run(use()) == "done"


def test_a_forgotten_worker_ends_its_thread():
    worker = Worker("forgotten")
    asyncio.run(worker.run(lambda: None))
    (thread,) = (thread for thread in threading.enumerate() if thread.name == "forgotten")
    del worker
    gc.collect()
    thread.join(5)
    assert not thread.is_alive()


def test_the_thread_itself_is_not_put_to_rest(worker):
    assert asyncio.run(worker.run(lambda: worker.rest(5))) is False


def test_a_stopped_worker_finishes_what_is_queued_and_can_begin_again(worker):
    done = []

    async def use():
        await worker.run(lambda: None)
        worker.tell(lambda: 1 / 0)
        for number in range(5):
            worker.tell(lambda number=number: done.append(number))

    asyncio.run(use())
    worker.stop(5)
    assert done == [0, 1, 2, 3, 4]
    assert not [thread for thread in threading.enumerate() if thread.name == "a worker"]
    assert asyncio.run(worker.run(lambda: "again")) == "again"
