"""Attempt counters in memory."""

from datetime import datetime, timedelta

from coatcheck.stores.memory.rows import Rows


class MemoryAttempts:
    """See ``stores.port.Attempts``."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def take(self, key: str, now: datetime, window: timedelta) -> tuple[int, datetime]:
        count, ends_at = self._rows.attempts.get(key, (0, now))
        if now >= ends_at:
            count, ends_at = 0, now + window
        # A window that ends later than a new one would was begun by a clock that was ahead: it must not last.
        row = (count + 1, min(ends_at, now + window))
        self._rows.put(self._rows.attempts, key, row)
        return row

    def give_back(self, key: str) -> None:
        row = self._rows.attempts.get(key)
        if row is not None and row[0] > 0:
            self._rows.put(self._rows.attempts, key, (row[0] - 1, row[1]))

    def peek(self, key: str, now: datetime) -> tuple[int, datetime] | None:
        row = self._rows.attempts.get(key)
        return None if row is None or now >= row[1] else row

    def purge(self, now: datetime, limit: int) -> int:
        over = [key for key, (_, ends_at) in self._rows.attempts.items() if now >= ends_at][:limit]
        for key in over:
            self._rows.drop(self._rows.attempts, key)
        return len(over)
