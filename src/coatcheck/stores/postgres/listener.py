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

_LOOKS_EVERY: Final = 1.0
_AGAIN_AFTER: Final = (0.1, 0.5)
"""Seconds until the next try to connect, at random: many processes have lost the same server."""

_STOP_PATIENCE: Final = 3.0


class Listener:
    """Calls ``changed`` on the loop that it was made on, with what was told, from ``start`` (at once) to ``stop``."""

    def __init__(self, parameters: str, changed: Callable[[News | None], None], notifications: Notifications) -> None:
        self._parameters = parameters
        self._notifications = notifications
        self._changed = changed
        self._loop: AbstractEventLoop = get_running_loop()
        self._cutting = threading.Lock()
        self.start()

    def start(self) -> None:
        """Begin to listen, again after ``stop``."""
        self._is_over = threading.Event()
        self._wire: int | None = None
        self._thread = threading.Thread(
            target=self._listen, args=(self._is_over,), name="coatcheck listener", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Listen no more; idempotent."""
        self._is_over.set()
        with self._cutting:  # once it is closed, its number may be another connection's
            if self._wire is not None:
                cut(self._wire)
        if threading.current_thread() is not self._thread:
            self._thread.join(_STOP_PATIENCE)

    def _listen(self, is_over: threading.Event) -> None:
        while not is_over.is_set():
            with suppress(psycopg.Error, OSError):
                self._hear(is_over)
            is_over.wait(random.uniform(*_AGAIN_AFTER))  # noqa: S311 - jitter

    def _hear(self, is_over: threading.Event) -> None:
        with raw_connection(self._parameters) as raw:
            with self._cutting:
                self._wire = raw.fileno()
            try:
                raw.execute(f"LISTEN {CHANNEL}")
                self._ring(is_over)  # what was missed until now
                while not is_over.is_set():
                    for heard in raw.notifies(timeout=_LOOKS_EVERY, stop_after=1):
                        self._ring(is_over, self._notifications.read(heard.payload))
            finally:
                with self._cutting:
                    self._wire = None

    def _ring(self, is_over: threading.Event, news: News | None = None) -> None:
        def tell() -> None:
            if not is_over.is_set():
                self._changed(news)

        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(tell)
