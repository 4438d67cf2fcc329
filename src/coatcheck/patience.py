"""How long a request has for all that it asks a store.

A store limits each question by itself. Over a slow network, or to a database that hangs now and then, a request that
asks several would wait for the sum, and whoever is behind it longer than anybody waits.
"""

from asyncio import Future, Task, current_task, shield, timeout
from contextlib import AbstractContextManager
from contextvars import ContextVar, Token
from math import inf
from time import monotonic
from typing import Any, Final, Self, TypeVar

from coatcheck.errors import StoreUnavailable

Result = TypeVar("Result")

PATIENCE: Final = 2.75
"""Seconds that a request has, when nobody says otherwise."""

_deadline: ContextVar[tuple[Task[Any] | None, float] | None] = ContextVar("coatcheck_deadline", default=None)
"""Whose it is, and when: a task that was begun by another one, such as a loop that goes on for ever, has none."""

_stood_still: ContextVar[float] = ContextVar("coatcheck_stood_still", default=0.0)
"""Seconds for which the running task's patience has stood still."""


class Patience(AbstractContextManager["Patience", None]):
    """So many ``seconds`` for what is asked in its ``with`` blocks, of which there may be several. What is asked when
    they are used up is answered with StoreUnavailable at once."""

    __slots__ = ("_began", "_left", "_token")

    def __init__(self, seconds: float = PATIENCE) -> None:
        self._left = seconds

    def __enter__(self) -> Self:
        self._began = _now()
        until = min(self._began + self._left, self._began + time_left())
        self._token: Token[Any] = _deadline.set((current_task(), until))
        return self

    def __exit__(self, *raised: object) -> None:
        _deadline.reset(self._token)
        self._left -= _now() - self._began


class PatiencePaused(AbstractContextManager["PatiencePaused", None]):
    """In this block something else than a store is waited for, such as a turn to hash a password: it uses up no
    patience, or a store that answers at once would be called away."""

    __slots__ = ("_began",)

    def __enter__(self) -> Self:
        self._began = monotonic()
        return self

    def __exit__(self, *raised: object) -> None:
        _stood_still.set(_stood_still.get() + monotonic() - self._began)


class Unhurried(AbstractContextManager["Unhurried", None]):
    """In this block nobody is waiting for an answer that has to be soon."""

    __slots__ = ("_token",)

    def __enter__(self) -> Self:
        self._token: Token[Any] = _deadline.set(None)
        return self

    def __exit__(self, *raised: object) -> None:
        _deadline.reset(self._token)


def time_left() -> float:
    """Seconds that the running task has for its questions: infinity where nobody set a limit, never below zero."""
    deadline = _deadline.get()
    if deadline is None or deadline[0] is not current_task():
        return inf
    return max(0.0, deadline[1] - _now())


async def awaited(shared: "Future[Result]") -> Result:
    """What comes of ``shared``, for which others may wait too: it goes on when this task's patience, or the task, is at
    its end. Raises StoreUnavailable then."""
    seconds = time_left()
    if seconds == inf:
        return await shield(shared)
    try:
        async with timeout(seconds):
            return await shield(shared)
    except TimeoutError:
        raise StoreUnavailable from None


def _now() -> float:
    return monotonic() - _stood_still.get()
