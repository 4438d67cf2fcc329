"""What happens to open databases when the process forks, and when it ends.

Before a fork every connection is closed, with its threads at rest; parent and child open their own when they next need
one. (SQLite: "Do not open an SQLite database connection, then fork()"; its table of held locks would be copied into a
child that holds none of them.)
"""

import atexit
import os
from typing import Final, Protocol
from weakref import WeakSet

_PATIENCE: Final = 10.0


class Forkable(Protocol):
    """Something that has files open and threads running."""

    def park(self, patience: float) -> bool: ...
    def unpark(self) -> None: ...
    def begin_anew(self) -> None: ...
    def stop(self) -> None: ...


_living: WeakSet[Forkable] = WeakSet()
_parked: list[tuple[Forkable, bool]] = []
_untouchable: list[Forkable] = []
"""The parent's, in a child: forked in the middle of a transaction. Not used, not closed, not even collected."""


def attend(to: Forkable) -> None:
    """Look after ``to`` from now on, as long as it lives."""
    _living.add(to)


def _before() -> None:
    _parked.extend((each, each.park(_PATIENCE)) for each in list(_living))


def _after_in_parent() -> None:
    while _parked:
        _parked.pop()[0].unpark()


def _after_in_child() -> None:
    while _parked:
        each, is_clean = _parked.pop()
        if is_clean:
            each.begin_anew()
        else:
            _untouchable.append(each)


def _at_exit() -> None:
    for each in list(_living):
        each.stop()


os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
atexit.register(_at_exit)
