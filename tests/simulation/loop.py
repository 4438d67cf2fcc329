"""A world with one time line, and event loops in it that run real asyncio code.

Every process has a loop of its own, whose time is the process's own steady clock. All of them share one heap of things
to come, so a schedule is decided by its seed alone. A process can be stopped between any two of its steps (SIGSTOP, a
long collection of garbage), even in the middle of a plain call: the rest of the world goes on inside that call.
"""

import asyncio
import logging
from asyncio import events, tasks
from collections.abc import Callable
from contextlib import suppress
from heapq import heappop, heappush
from typing import Any

from coatcheck.errors import AuthError

_swap = getattr(tasks, "_swap_current_task", None)


class Died(BaseException):
    """A process died while it stood still in the middle of a plain call: nothing of it happens any more."""


class Caught(logging.Handler):
    """Listens to the log for what a loop caught, so as to go on: here it counts like what nobody caught."""

    def __init__(self, failed: Callable[[BaseException], None]) -> None:
        super().__init__()
        self._failed = failed

    def emit(self, record: logging.LogRecord) -> None:
        fault = record.exc_info and record.exc_info[1]
        if fault:
            self._failed(fault)


class Handle:
    """Something that will happen. ``owner`` is the loop it happens in; None for the world itself."""

    __slots__ = ("args", "callback", "context", "is_cancelled", "owner")

    def __init__(
        self, owner: "Loop | None", callback: Callable[..., object], args: tuple[Any, ...], context: Any
    ) -> None:
        self.owner = owner
        self.callback = callback
        self.args = args
        self.context = context
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True

    def cancelled(self) -> bool:
        return self.is_cancelled


class Timeline:
    """The time that nobody in the world can read, in seconds, and everything that is to come."""

    def __init__(self) -> None:
        self.now = 0.0
        self.depth = 0
        self._heap: list[tuple[float, int, Handle]] = []
        self._count = 0

    def at(
        self,
        time: float,
        callback: Callable[..., object],
        *args: Any,
        owner: "Loop | None" = None,
        context: Any = None,
    ) -> Handle:
        """Let something happen at ``time``."""
        handle = Handle(owner, callback, args, context)
        self._count += 1
        heappush(self._heap, (time, self._count, handle))
        return handle

    def run(self, until: float) -> None:
        """Let everything happen that is due up to ``until``."""
        heap, before = self._heap, events._get_running_loop()
        current: asyncio.AbstractEventLoop | None = before
        task = before.suspend() if isinstance(before, Loop) else None
        try:
            while heap and heap[0][0] <= until:
                time, _, handle = heappop(heap)
                if handle.is_cancelled:
                    continue
                owner = handle.owner
                if owner is not None:
                    if owner.is_dead:
                        continue
                    if time < owner.stopped_until:
                        self._count += 1
                        heappush(heap, (owner.stopped_until, self._count, handle))
                        continue
                if time > self.now:
                    self.now = time
                if owner is not current:  # setting it is dear
                    events._set_running_loop(owner)
                    current = owner
                if handle.context is not None:
                    handle.context.run(handle.callback, *handle.args)
                else:
                    handle.callback(*handle.args)
        finally:
            events._set_running_loop(before)
            if isinstance(before, Loop):
                before.resume(task)
        self.now = max(self.now, until)

    def stop_inside(self, loop: "Loop", seconds: float, *, whole: bool) -> None:
        """Let time pass inside a plain call. With ``whole`` all of the process stands still, else one thread of it."""
        if self.depth:
            return
        self.depth += 1
        until = self.now + seconds
        if whole:
            loop.stopped_until = max(loop.stopped_until, until + 1e-9)  # its own things come after
        self.run(until)
        self.depth -= 1
        if loop.is_dead:
            raise Died


class Loop(asyncio.AbstractEventLoop):
    """The event loop of one process: just enough of asyncio for tasks, timeouts, locks and events."""

    def __init__(
        self, timeline: Timeline, steady: Callable[[], float], rate: float, failed: Callable[[Any], None]
    ) -> None:
        self._timeline = timeline
        self._steady = steady
        self._rate = rate
        self._failed = failed
        self.is_dead = False
        self.stopped_until = 0.0
        self.tasks: list[asyncio.Task[Any]] = []

    def time(self) -> float:
        return self._steady()

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:
        return self._timeline.at(self._timeline.now, callback, *args, owner=self, context=context)

    call_soon_threadsafe = call_soon

    def call_later(self, delay: float, callback: Any, *args: Any, context: Any = None) -> Any:
        time = self._timeline.now + max(delay, 0.0) / self._rate
        return self._timeline.at(time, callback, *args, owner=self, context=context)

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        return self.call_later(when - self._steady(), callback, *args, context=context)

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: str | None = None, context: Any = None) -> asyncio.Task[Any]:
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        self.tasks.append(task)
        return task

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if context.get("exception") is not None and not self.is_dead:
            self._failed(context["exception"])

    def suspend(self) -> Any:
        """Set the task aside in whose middle the world goes on."""
        return None if _swap is None else _swap(self, None)

    def resume(self, task: Any) -> None:
        """Go on with it."""
        if _swap is not None:
            _swap(self, task)

    def close(self) -> None:
        """Nothing of this process happens any more."""
        self.is_dead = True
        for task in self.tasks:
            if task.done():
                fault = None if task.cancelled() else task.exception()
                if fault is not None and not isinstance(fault, AuthError | Died):
                    self._failed(fault)
            else:
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                with suppress(ValueError):  # it stands still in the middle of a call
                    task.get_coro().close()  # type: ignore[union-attr]
        self.tasks.clear()
