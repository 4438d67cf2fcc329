"""A few threads, each with a connection of its own, that do one unit of work after the other."""

import threading
from asyncio import AbstractEventLoop, Future, get_running_loop
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from queue import SimpleQueue
from threading import Lock
from time import monotonic
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Connection

from coatcheck.errors import StoreUnavailable
from coatcheck.patience import time_left
from coatcheck.stores.postgres.breaking_off import break_off
from coatcheck.stores.postgres.connect import BUSY, TIMEOUTS_MS, connect, driver, has_been_spoken_to
from coatcheck.stores.postgres.pipelining import PipelinedConnection

Result = TypeVar("Result")

_CUT_PATIENCE: Final = 0.5


class Line:
    """One way to the database: a connection, opened when needed and dropped after any trouble."""

    def __init__(self, parameters: str, timeouts: Mapping[str, int] = TIMEOUTS_MS) -> None:
        self._parameters = parameters
        self._timeouts = timeouts
        self._connection: Connection | None = None
        self._raw: PipelinedConnection | None = None
        self._cutting = Lock()
        self._to_break_off: PipelinedConnection | None = None
        self._is_connecting = False
        self._is_given_up = False
        self._is_broken_off = False

    def begin(self) -> None:
        """What follows is for somebody else than what was given up, and over another connection than one that was
        broken off: that may be cut a moment later than what was under way came to its end.

        One that came too late for whoever it was made for is kept: where connecting takes longer than anybody waits,
        nobody would ever have any.
        """
        if self._is_given_up:
            if self._is_broken_off:
                self.drop()
            self._is_given_up = False

    def ready(self) -> Connection:
        """The connection. Raises SQLAlchemyError when there is none to be had, StoreUnavailable when it was ``cut``.

        One that the server has closed meanwhile, as it does when it restarts or becomes a standby, is replaced here:
        the next work would fail over it, however long the server has been back.
        """
        if self._raw is not None and (self._raw.closed or has_been_spoken_to(self._raw)):
            self.drop()
        if self._connection is None:
            self._connect()
        if self._is_given_up or self._connection is None:
            raise StoreUnavailable(BUSY)
        return self._connection

    def _connect(self) -> None:
        with self._cutting:
            self._is_connecting = not self._is_given_up
        try:
            if self._is_connecting:
                self._connection = connect(self._parameters, self._timeouts)
        finally:
            with self._cutting:
                self._is_connecting = False
                if self._connection is not None:
                    self._raw = self._to_break_off = driver(self._connection)

    def drop(self) -> None:
        """Close the connection, if there is one, whatever is wrong with it."""
        connection, self._connection, self._raw = self._connection, None, None
        with self._cutting:
            self._to_break_off = None
            self._is_broken_off = False
        if connection is not None:
            with suppress(Exception):  # it is broken: that is why it is dropped
                connection.invalidate()
                connection.close()

    def cut(self) -> bool:
        """From another thread: let whoever waits for an answer over this connection find it broken, and the server
        leave off: a commit that waits for a standby would keep its locks until that is back.

        True when there is no connection yet: nothing has begun, and nothing will before ``begin``.
        """
        with self._cutting:
            self._is_given_up = True
            if self._to_break_off is not None:
                self._is_broken_off = True
                break_off(self._to_break_off)
            return self._is_connecting


class _Job(Generic[Result]):
    """A unit of work that somebody waits for, until ``limit``."""

    __slots__ = ("_error", "_is_given_up", "_is_over", "_line", "_result", "_turn", "future", "limit", "loop", "work")

    def __init__(self, work: Callable[[Line], Result], loop: AbstractEventLoop, seconds: float) -> None:
        self.work = work
        self.loop = loop
        self.future: Future[Result] = loop.create_future()
        self.limit = loop.call_later(seconds, self._overdue)
        self._turn = Lock()
        self._line: Line | None = None
        self._is_given_up = False
        self._is_over = False
        self._result: Any = None
        self._error: BaseException | None = None

    def do(self, line: Line) -> None:
        """Do it over ``line``, if somebody still waits for it."""
        with self._turn:
            if self._is_given_up or self.future.done():
                return
            line.begin()
            self._line = line
        try:
            self._result = self.work(line)
        except StopIteration as raised:  # a future can't hold one
            self._error = RuntimeError(f"a unit of work raised {raised!r}")
        except BaseException as raised:  # noqa: BLE001 - it is the caller's, whatever it is
            self._error = raised
        with self._turn:  # from here on it is what it is: nobody says that nothing was done, or breaks off the next one
            self._line = None
            self._is_over = True

    def tell(self) -> None:
        """Let whoever waits know what came of it."""
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self.loop.call_soon_threadsafe(self._settle)

    def _overdue(self) -> None:
        """Nobody waits any longer: give it up before it has begun; break it off where it is under way."""
        with self._turn:
            if self._is_over or (self._line is not None and not self._line.cut()):
                return  # it says itself what was done, and whether it may have been committed
            self._is_given_up = True
        if not self.future.done():
            self.future.set_exception(StoreUnavailable(BUSY))

    def _settle(self) -> None:
        self.limit.cancel()
        if self.future.done():
            return
        if self._error is None:
            self.future.set_result(self._result)
        else:
            self.future.set_exception(self._error)


class Crew:
    """Up to ``most`` threads; jobs are begun in the order in which they came, and each is answered within ``patience``
    seconds, or what is left of the caller's own, be it with StoreUnavailable. ``timeouts`` are the server's.

    A job that has begun runs to its end whatever becomes of its caller; only its patience breaks it off, by its
    connection. Of the idle threads the one that worked last is the next: its connection, and the server's process
    behind it, have at hand what was read before.
    """

    def __init__(
        self, name: str, parameters: str, *, most: int, patience: float, timeouts: Mapping[str, int] = TIMEOUTS_MS
    ) -> None:
        self._name = name
        self._parameters = parameters
        self._timeouts = timeouts
        self._most = most
        self._patience = patience
        self._hands: list[_Hand] = []
        self._idle: list[_Hand] = []
        self._waiting: deque[_Job[Any] | None] = deque()
        self._handing_out = Lock()

    async def run(self, work: Callable[[Line], Result], *, patience: float | None = None) -> Result:
        """Run ``work`` in a thread and return what it returns, or raise what it raises."""
        seconds = min(patience or self._patience, time_left())
        if not seconds:
            raise StoreUnavailable(BUSY)
        job = _Job(work, get_running_loop(), seconds)
        self._hand_out(job)
        return await job.future

    def rest(self, patience: float) -> bool:
        """Wait until every thread is between two jobs, hold them there, and close the connections; False when that
        takes too long."""
        until = monotonic() + patience
        rested = [hand.rest(max(0.0, until - monotonic())) for hand in self._hands]
        for hand in self._hands:
            hand.drop_at_rest()
        return all(rested)

    def break_off(self) -> None:
        """Let whoever waits for what is under way find it broken: it can be asked for again."""
        for hand in self._hands:
            hand.break_off()

    def resume(self) -> None:
        """Let the threads go on."""
        for hand in self._hands:
            hand.resume()

    def stop(self, patience: float) -> None:
        """End the threads when they have done what is queued, and close the connections; wait for that at most
        ``patience`` seconds, then break off."""
        hands, self._hands = self._hands, []
        for _ in hands:
            self._hand_out(None)
        until = monotonic() + patience
        for hand in hands:
            hand.end(max(0.0, until - monotonic()))

    def _hand_out(self, job: _Job[Any] | None) -> None:
        with self._handing_out:
            if self._idle:
                self._idle.pop().give(job)
            elif job is not None and len(self._hands) < self._most:
                line = Line(self._parameters, self._timeouts)
                hand = _Hand(f"{self._name} {len(self._hands) + 1}", self._next, line)
                self._hands.append(hand)
                hand.give(job)
            else:
                self._waiting.append(job)

    def _next(self, hand: "_Hand") -> None:
        """``hand`` has done its job: give it the next one, when there is one."""
        with self._handing_out:
            if self._waiting:
                hand.give(self._waiting.popleft())
            else:
                self._idle.append(hand)


class _Hand:
    """One thread and its line. It calls ``done`` with itself after each job."""

    def __init__(self, name: str, done: "Callable[[_Hand], None]", line: Line) -> None:
        self._done = done
        self._given: SimpleQueue[_Job[Any] | None] = SimpleQueue()
        self._line = line
        self._at_work = Lock()
        self._is_resting = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def give(self, job: _Job[Any] | None) -> None:
        """What to do next; None to end."""
        self._given.put(job)

    def rest(self, patience: float) -> bool:
        """See ``Crew.rest``. False too when it is this very thread that asks."""
        if threading.current_thread() is not self._thread:
            self._is_resting = self._at_work.acquire(timeout=patience)
        return self._is_resting

    def break_off(self) -> None:
        """See ``Crew.break_off``."""
        self._line.cut()

    def drop_at_rest(self) -> None:
        """Close the connection, if this thread rests."""
        if self._is_resting:
            self._line.drop()

    def resume(self) -> None:
        """Go on."""
        if self._is_resting:
            self._is_resting = False
            self._at_work.release()

    def end(self, patience: float) -> None:
        """Wait for the thread's end, then let go of the connection."""
        self._thread.join(patience)
        if self._thread.is_alive():
            self._line.cut()
            self._thread.join(_CUT_PATIENCE)
        if not self._thread.is_alive():
            self._line.drop()

    def _work(self) -> None:
        while (job := self._given.get()) is not None:
            with self._at_work:
                job.do(self._line)
                self._done(self)  # before it is told: what follows upon it shall find this connection, not open another
                job.tell()
            del job  # lets go of what it holds while the thread waits
