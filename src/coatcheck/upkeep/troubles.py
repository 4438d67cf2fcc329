"""Telling of trouble that lasts: each reason once, until it is over. A store that is away for an hour is one line, not
thousands."""

import logging
from typing import Final

log = logging.getLogger("coatcheck")

_MOST: Final = 50
"""Reasons that are told before it is over: some may have a number in them that is always another."""


class Troubles:
    """What goes wrong with one thing, or with several of them that fail for the same reasons.

    Not only the first reason is told: a database that was away and comes back without what was known needs somebody who
    acts. ``over`` is what the log says when the last of them that had failed works again.
    """

    def __init__(self, over: str) -> None:
        self._over = over
        self._told: set[str] = set()
        self._failing: set[str] = set()

    def are_new(self, reason: str, of: str = "") -> bool:
        """Note that ``of`` fails for ``reason``; True where that has to be told."""
        self._failing.add(of)
        if reason in self._told or len(self._told) >= _MOST:
            return False
        self._told.add(reason)
        return True

    def end(self, of: str = "") -> None:
        """Note that ``of`` works."""
        if of in self._failing:
            self._failing.discard(of)
            if not self._failing:
                self._told.clear()
                log.warning(self._over)
