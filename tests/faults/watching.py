"""Threads beside a fault: those that work until it is over, and those that look at something now and then."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def at_work(threads: Sequence[threading.Thread], is_over: threading.Event) -> Iterator[None]:
    """They run until the block ends, of which ``is_over`` tells them."""
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


class Watch(threading.Thread, ABC):
    """Looks every so many seconds, in a ``with`` block."""

    def __init__(self, every: float) -> None:
        super().__init__()
        self._every = every
        self._is_over = threading.Event()

    def __enter__(self) -> None:
        self.start()

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self.join()

    def run(self) -> None:
        """Called in the thread."""
        while not self._is_over.wait(self._every):
            self.look()

    @abstractmethod
    def look(self) -> None:
        """What it does each time."""
