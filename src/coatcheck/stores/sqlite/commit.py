"""The end of a SQLite transaction: done, not done, or unknown."""

import sqlite3
from typing import Final

from coatcheck.errors import OutcomeUnknown

_NOT_COMMITTED: Final = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_READONLY)


def commit(raw: sqlite3.Connection) -> None:
    """Commit. Raises the driver's error when nothing was committed, OutcomeUnknown when that can't be told."""
    try:
        raw.execute("COMMIT")
    except sqlite3.Error as fault:
        if raw.in_transaction:
            raw.execute("ROLLBACK")
        elif fault.sqlite_errorcode & 0xFF not in _NOT_COMMITTED:
            # A frame that was written but not synced may be found by a recovery after a crash.
            raise OutcomeUnknown from fault
        raise
