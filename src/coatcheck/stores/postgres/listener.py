"""Hears what another process has committed: NOTIFY, a hint that may be late, repeated or lost (rule 6).

It listens over a connection of its own, in a thread of its own. While that connection is away nothing is heard;
subscribers ask every fifth of a lease anyway.
"""

import random
import threading
from asyncio import AbstractEventLoop, get_running_loop
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import psycopg

from coatcheck.authority import News
from coatcheck.stores.postgres.breaking_off import cut
from coatcheck.stores.postgres.connect import raw_connection
from coatcheck.stores.postgres.notification import CHANNEL, Notifications
from coatcheck.stores.postgres.pipelining import PipelinedConnection

_LOOKS_EVERY: Final = 1.0
_AGAIN_AFTER: Final = (0.1, 0.5)
"""Seconds until the next try to connect, at random: many processes have lost the same server."""

_STOP_PATIENCE: Final = 3.0
"""Seconds for a thread to end, which it does at once, except while it connects."""


class Listener:
    """Calls ``changed`` on the loop that it was made on, with what was told, from ``start`` (at once) to ``stop``."""

    def __init__(self, parameters: str, changed: Callable[[News | None], None], notifications: Notifications) -> None:
        self._parameters = parameters
        self._notifications = notifications
        self._changed = changed
        self._loop: AbstractEventLoop = get_running_loop()
        self.start()

    def start(self) -> None:
        """Begin to listen, again after ``stop``."""
        self._ear = _Ear(self._parameters, self._ring, self._notifications)
        self._ear.start()

    def stop(self, patience: float = 0.0) -> None:
        """Listen no more; idempotent.

        A connection that is just being made can't be broken off. It is waited for at most ``patience`` seconds, and
        closed as soon as it has been made.
        """
        self._ear.stop(patience)

    def _ring(self, ear: "_Ear", news: News | None) -> None:
        def tell() -> None:
            if not ear.is_over.is_set():
                self._changed(news)

        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(tell)


class _Ear(threading.Thread):
    """Listens until ``stop``, and calls ``ring`` with itself and what was told."""

    def __init__(
        self, parameters: str, ring: "Callable[[_Ear, News | None], None]", notifications: Notifications
    ) -> None:
        super().__init__(name="coatcheck listener", daemon=True)
        self._parameters = parameters
        self._ring = ring
        self._notifications = notifications
        self.is_over = threading.Event()
        self._cutting = threading.Lock()
        self._wire: int | None = None
        self._is_connecting = False

    def stop(self, patience: float) -> None:
        """See ``Listener.stop``."""
        self.is_over.set()
        with self._cutting:  # once it is closed, its number may be another connection's
            if self._wire is not None:
                cut(self._wire)
            patience = patience if self._is_connecting else _STOP_PATIENCE
        if threading.current_thread() is not self:
            self.join(patience)

    def run(self) -> None:
        """Listen, again whenever the connection was lost."""
        while not self.is_over.is_set():
            with suppress(psycopg.Error, OSError):
                self._hear()
            self.is_over.wait(random.uniform(*_AGAIN_AFTER))  # noqa: S311 - jitter

    def _hear(self) -> None:
        raw = self._connect()
        if raw is None:
            return
        with raw:
            try:
                if not self.is_over.is_set():
                    raw.execute(f"LISTEN {CHANNEL}")
                    self._ring(self, None)  # what was missed until now
                while not self.is_over.is_set():
                    for heard in raw.notifies(timeout=_LOOKS_EVERY, stop_after=1):
                        self._ring(self, self._notifications.read(heard.payload))
            finally:
                with self._cutting:
                    self._wire = None

    def _connect(self) -> PipelinedConnection | None:
        """A connection that ``stop`` can cut; None when it has been called already."""
        with self._cutting:
            if self.is_over.is_set():
                return None
            self._is_connecting = True
        raw: PipelinedConnection | None = None
        try:
            raw = raw_connection(self._parameters)
        finally:
            with self._cutting:
                self._is_connecting = False
                self._wire = None if raw is None else raw.fileno()
        return raw
