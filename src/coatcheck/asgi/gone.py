"""What an application finds when the login of its client has ended: a client that is gone."""

import asyncio
from typing import Final

from starlette import websockets
from starlette.requests import ClientDisconnect
from starlette.websockets import WebSocketDisconnect

from coatcheck.errors import AuthError

PATIENCE: Final = 5.0
"""Seconds that an application has to notice that its client is gone, and to clean up."""


class Gone(OSError):
    """The client can't be reached any more, since its login has ended.

    An OSError, as the ASGI specification wants it for what is sent after the end, so that frameworks understand it.
    """


class Eviction:
    """Ends an application that does not notice: what it does for this connection is cancelled. To be made in the task
    that does it."""

    __slots__ = ("_task", "_timer", "has_come")

    def __init__(self) -> None:
        self._task = asyncio.current_task()
        self._timer: asyncio.TimerHandle | None = None
        self.has_come = False

    def begin(self) -> None:
        """The client is gone from now on."""
        self._timer = asyncio.get_running_loop().call_later(PATIENCE, self._come)

    def call_off(self) -> None:
        """The application has finished."""
        if self._timer is not None:
            self._timer.cancel()

    def _come(self) -> None:
        self.has_come = True
        if self._task is not None:
            self._task.cancel()


def is_evicted(eviction: Eviction) -> bool:
    """True for a cancellation that came from here, which is thereby taken back: it goes no further than to us."""
    task = asyncio.current_task()
    if eviction.has_come and task is not None:
        task.uncancel()
    return eviction.has_come


def comes_of_going(error: BaseException) -> bool:
    """True for what an application raises because its client is gone, and nobody has to hear of."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(comes_of_going, error.exceptions))
    if (
        isinstance(error, RuntimeError) and error.__cause__ is not None
    ):  # Starlette's, for what it can't answer any more
        return comes_of_going(error.__cause__)
    return isinstance(error, _OF_GOING)


_OF_GOING: Final = (
    Gone,
    WebSocketDisconnect,
    ClientDisconnect,
    AuthError,
    getattr(websockets, "WebSocketDisconnected", Gone),  # Starlette's since 1.0, for whoever sends once more
)
