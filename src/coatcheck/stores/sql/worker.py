"""One thread that does one job after the other, for callers on any event loop."""

import threading
from asyncio import AbstractEventLoop, Future, get_running_loop
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar
from weakref import finalize

Result = TypeVar("Result")
_Job = tuple[Callable[[], Any], AbstractEventLoop, "Future[Any]"]


class Worker:
    """A thread and its queue; leaner than an executor, whose futures cost more than a look-up.

    A job that has begun runs to its end, whatever becomes of its caller; one whose caller has gone away before that is
    passed over.
    """

    def __init__(self, name: str) -> None:
        self._at_work = threading.Lock()
        self._is_resting = False
        self._name = name
        self._queue: SimpleQueue[_Job | Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    async def run(self, job: Callable[[], Result]) -> Result:
        """Run ``job`` in the thread and return what it returns, or raise what it raises."""
        loop = get_running_loop()
        future: Future[Result] = loop.create_future()
        self._put((job, loop, future))
        return await future

    def tell(self, job: Callable[[], None]) -> None:
        """Run ``job`` in the thread some time, for nobody: what it raises is lost."""
        self._put(job)

    def stop(self, patience: float) -> None:
        """End the thread when it has done what is queued; wait for that at most ``patience`` seconds."""
        thread = self._thread
        if thread is not None:
            self._queue.put(None)
            thread.join(patience)
            self._thread = None

    def rest(self, patience: float) -> bool:
        """Wait until the thread is between two jobs and hold it there until ``resume``; False when that takes too long,
        or when it is this very thread that asks."""
        if threading.current_thread() is not self._thread:
            self._is_resting = self._at_work.acquire(timeout=patience)
        return self._is_resting

    def resume(self) -> None:
        """Let the thread go on."""
        if self._is_resting:
            self._is_resting = False
            self._at_work.release()

    def _put(self, job: _Job | Callable[[], None]) -> None:
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    self._thread = threading.Thread(
                        target=_work, args=(self._queue, self._at_work), name=self._name, daemon=True
                    )
                    self._thread.start()
                    finalize(self, self._queue.put, None)  # a worker that nobody has any more ends its thread
        self._queue.put(job)


def _work(queue: "SimpleQueue[_Job | Callable[[], None] | None]", at_work: threading.Lock) -> None:
    while (job := queue.get()) is not None:
        with at_work:
            if callable(job):
                with suppress(Exception):  # nobody waits for it, and the thread must go on for those who do
                    job()
            elif not job[2].cancelled():
                _do(*job)
        del job  # lets go of what it holds while the thread waits


def _do(job: Callable[[], Any], loop: AbstractEventLoop, future: "Future[Any]") -> None:
    result: Any = None
    error: BaseException | None = None
    try:
        result = job()
    except StopIteration as raised:  # a future can't hold one
        error = RuntimeError(f"a unit of work raised {raised!r}")
    except BaseException as raised:  # noqa: BLE001 - it is the caller's, whatever it is
        error = raised
    with suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(_settle, future, result, error)


def _settle(future: "Future[Any]", result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
