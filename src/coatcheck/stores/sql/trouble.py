"""What a database's complaint means for the caller. Nothing that was in the statement is repeated."""

import sqlite3
from typing import Final

from msgspec import MsgspecError
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError, StatementError

from coatcheck.errors import DataConflict, OutcomeUnknown, StoreUnavailable

TROUBLE: Final = (sqlite3.Error, SQLAlchemyError, OSError, MsgspecError)

_NOT_COMMITTED: Final = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_READONLY)


def translated(fault: BaseException) -> BaseException:
    """The error of ``coatcheck.errors`` for one of TROUBLE; what is not the database's doing stays what it is."""
    match fault:
        case IntegrityError() | sqlite3.IntegrityError():
            return DataConflict()
        case StatementError(orig=BaseException() as cause) if not isinstance(fault, DBAPIError):
            return cause
        case DBAPIError(orig=BaseException() as cause):
            return StoreUnavailable(_sentence(cause))
        case MsgspecError():  # such as an event of a kind that a newer version has added (rule 4)
            return StoreUnavailable("The store holds something that this version does not know.")
        case _:
            return StoreUnavailable(_sentence(fault))


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


def _sentence(cause: BaseException) -> str:
    reason = getattr(cause, "sqlite_errorname", None) or type(cause).__name__
    return f"The store can't be reached at the moment ({reason}). Please try again."
