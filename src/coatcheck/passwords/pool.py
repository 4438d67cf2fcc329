"""Hashing apart from everything else: few threads, low priority, a short and fair queue.

A hash takes a core for tens of milliseconds. On the event loop it would hold up every request; in plain threads it
takes turns with the event loop for cores. At the lowest priority it has what is left over, which on an idle machine is
everything. What can't be done soon is refused at once: a long queue only moves the wait to where it can't be seen.

Fair: addresses take turns, and one of them holds at most a quarter of the queue. So does the reserve that only known
devices may use: strangers who fill the queue don't keep out people who were here before, and both kinds take turns.
"""

import asyncio
import os
import sys
import threading
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import timedelta
from math import ceil
from time import perf_counter
from typing import Any, Final, Generic, NamedTuple, ParamSpec, TypeVar

from coatcheck.errors import LoginBusy
from coatcheck.passwords.cores import cores
from coatcheck.passwords.network import network_of
from coatcheck.settings import PasswordSettings

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_LOWEST_PRIORITY: Final = 19
_SHARE: Final = 4


class Load(NamedTuple):
    """How busy the pool is: ``waiting`` and ``running`` now, ``done`` and ``shed`` since it began."""

    waiting: int
    running: int
    done: int
    shed: int


class HashingPool:
    """Runs functions on hashing threads. One for the process, used from any number of event loops and threads.

    The threads are made on first use and belong to this process: a fork has its own.
    """

    def __init__(
        self, settings: PasswordSettings, *, waiting: Callable[[], AbstractContextManager[object]] = nullcontext
    ) -> None:
        """``waiting`` makes a context manager that is entered while a caller waits for its function."""
        self._settings = settings
        self._waiting = waiting
        self._crews: dict[int, _Crew] = {}
        self._counts = _Counts()
        weakref.finalize(self, _dismiss, self._crews)

    async def run(self, function: Callable[..., Result], *args: object, address: str, familiar: bool = False) -> Result:
        """Return ``function(*args)``, computed on a hashing thread; its exception is raised here.

        ``address`` is the client's; ``familiar`` says that a known device asks, which may use the reserve. Raises
        LoginBusy when the queue, or this address's part of it, is full. When the caller is cancelled, a job that has
        not begun leaves the queue; one that has begun is finished for nobody, then its thread is free again.
        """
        job = _Job(function, args, network_of(address), familiar)
        crew = self._crew()
        crew.accept(job)
        try:
            with self._waiting():
                await job.done
        except asyncio.CancelledError:
            crew.withdraw(job)
            raise
        if job.error is not None:
            raise job.error
        return job.result

    def require_room(self, *, address: str, familiar: bool = False) -> None:
        """Raise LoginBusy where ``run`` would at this moment. Asked first, it keeps whom nobody has time for from
        costing anything else."""
        self._crew().require_room(network_of(address), familiar)

    @property
    def load(self) -> Load:
        """How busy it is in this process."""
        crew, counts = self._crews.get(os.getpid()), self._counts
        return Load(crew.waiting if crew else 0, crew.running if crew else 0, counts.done, counts.shed)

    def close(self) -> None:
        """Refuse what waits and let the threads go when they have finished. A later ``run`` makes new ones."""
        _dismiss(self._crews)

    def _crew(self) -> "_Crew":
        process = os.getpid()
        crew = self._crews.get(process)
        return crew or self._crews.setdefault(process, _Crew(self._settings, self._counts))


class _Counts:
    """What outlives the threads."""

    __slots__ = ("done", "shed")

    def __init__(self) -> None:
        self.done = self.shed = 0


class _Job(Generic[Result]):
    """A computation, and the coroutine that waits for it."""

    result: Result

    def __init__(self, function: Callable[..., Result], args: tuple[object, ...], network: str, familiar: bool) -> None:
        self.network = network
        self.familiar = familiar
        self.error: BaseException | None = None
        self._compute = (function, args)
        self._loop = asyncio.get_running_loop()
        self.done = self._loop.create_future()

    @property
    def is_wanted(self) -> bool:
        """False when the waiter was cancelled."""
        return not self.done.cancelled()

    def compute(self) -> None:
        """Run the function; on a hashing thread."""
        function, args = self._compute
        try:
            self.result = function(*args)
        except BaseException as error:  # noqa: BLE001  whatever it is, it is the waiter's, and the thread lives on
            self.error = error

    def wake(self) -> None:
        """Let the waiter go on, on its own loop."""
        del self._compute  # it holds the password
        with suppress(RuntimeError):  # the waiter's loop was closed
            self._loop.call_soon_threadsafe(self._arrive)

    def _arrive(self) -> None:
        if not self.done.done():
            self.done.set_result(None)


class _Line:
    """Jobs that wait, by network; networks take turns."""

    def __init__(self) -> None:
        self._networks: OrderedDict[str, deque[_Job[Any]]] = OrderedDict()
        self.length = 0

    def held_by(self, network: str) -> int:
        return len(self._networks.get(network, ()))

    def append(self, job: _Job[Any]) -> None:
        self._networks.setdefault(job.network, deque()).append(job)
        self.length += 1

    def take(self) -> _Job[Any]:
        network, jobs = self._networks.popitem(last=False)
        job = jobs.popleft()
        if jobs:
            self._networks[network] = jobs
        self.length -= 1
        return job

    def remove(self, job: _Job[Any]) -> None:
        jobs = self._networks.get(job.network)
        if jobs is None or job not in jobs:
            return
        jobs.remove(job)
        if not jobs:
            del self._networks[job.network]
        self.length -= 1


class _Crew:
    """The queue and the threads of one process."""

    def __init__(self, settings: PasswordSettings, counts: _Counts) -> None:
        self._workers = settings.workers or cores()
        self._most = settings.queue
        self._most_strangers = max(1, settings.queue - settings.queue // _SHARE)
        self._most_of_one = max(1, settings.queue // _SHARE)
        self._changed = threading.Condition(threading.Lock())
        self._lines = {False: _Line(), True: _Line()}
        self._familiar_next = True
        self._threads = 0
        self.running = 0
        self._closed = False
        self._seconds_each = 0.0
        self._counts = counts

    def accept(self, job: _Job[Any]) -> None:
        """Queue the job, and start a thread if there is none for it. Raises LoginBusy."""
        self.require_room(job.network, job.familiar)  # without the lock first: no flood keeps it from the threads
        with self._changed:
            self.require_room(job.network, job.familiar)
            self._lines[job.familiar].append(job)
            if self._threads < min(self._workers, self.waiting + self.running):
                self._start_thread(job)
            self._changed.notify()

    def withdraw(self, job: _Job[Any]) -> None:
        """Give the job's place back if it has not begun."""
        with self._changed:
            self._lines[job.familiar].remove(job)

    def dismiss(self) -> None:
        """Refuse what waits, and let the threads end."""
        with self._changed:
            self._closed = True
            left = [line.take() for line in self._lines.values() for _ in range(line.length)]
            self._changed.notify_all()
        for job in left:
            job.error = LoginBusy()
            job.wake()

    @property
    def waiting(self) -> int:
        return self._lines[False].length + self._lines[True].length

    def require_room(self, network: str, familiar: bool) -> None:
        """Raise LoginBusy if there is none in the queue for this network."""
        waiting = self.waiting
        free = self._workers - self.running  # what a free thread is about to take is no queue
        has_room = (
            waiting - free < self._most
            and sum(line.held_by(network) for line in self._lines.values()) - free < self._most_of_one
            and (familiar or self._lines[False].length - free < self._most_strangers)
        )
        if self._closed or not has_room:
            self._counts.shed += 1
            seconds = (waiting + 1) * self._seconds_each / self._workers
            raise LoginBusy(retry_after=timedelta(seconds=max(1, ceil(seconds))))

    def _start_thread(self, job: _Job[Any]) -> None:
        self._threads += 1
        try:
            threading.Thread(target=self._work, name="coatcheck-hashing", daemon=True).start()
        except RuntimeError:  # the system gives no more threads: those that there are will do it
            self._threads -= 1
            if not self._threads:
                self._lines[job.familiar].remove(job)
                raise LoginBusy from None

    def _work(self) -> None:
        _lower_priority()
        while (job := self._next()) is not None:
            began = perf_counter()
            if job.is_wanted:
                job.compute()
            self._finish(perf_counter() - began)
            job.wake()
            del job

    def _next(self) -> _Job[Any] | None:
        """The next job, of a known device and of a stranger in turn; None when the crew was dismissed."""
        with self._changed:
            while not self.waiting:
                if self._closed:
                    return None
                self._changed.wait()
            familiar = bool(self._lines[self._familiar_next].length) == self._familiar_next
            self._familiar_next = not familiar
            self.running += 1
            return self._lines[familiar].take()

    def _finish(self, seconds: float) -> None:
        with self._changed:
            self.running -= 1
            self._counts.done += 1
            self._seconds_each += (seconds - self._seconds_each) / 8


def _dismiss(crews: dict[int, _Crew]) -> None:
    crew = crews.pop(os.getpid(), None)
    if crew is not None:
        crew.dismiss()


def _lower_priority() -> None:
    """Make this thread the last in line for a core. Only on Linux has a thread a priority of its own."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWEST_PRIORITY)
