"""What a database's complaint means for the caller. Nothing that was in the statement is repeated."""

from typing import Final

from msgspec import MsgspecError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError, StatementError

from coatcheck.errors import DataConflict, StoreUnavailable

TROUBLE: Final = (SQLAlchemyError, OSError, MsgspecError)
"""What may go wrong with any database; each driver has errors of its own besides."""


def translated(fault: BaseException) -> BaseException:
    """The error of ``coatcheck.errors`` for one of TROUBLE or a driver's own; what is not the database's doing stays
    what it is."""
    match fault:
        case _ if any(kind.__name__ == "IntegrityError" for kind in type(fault).__mro__):  # each driver's (PEP 249)
            return DataConflict()
        case StatementError(orig=BaseException() as cause) if not isinstance(fault, DBAPIError):
            return cause
        case DBAPIError(orig=BaseException() as cause):
            return StoreUnavailable(_sentence(cause))
        case MsgspecError():  # such as an event of a kind that a newer version has added (rule 4)
            return StoreUnavailable("The store holds something that this version does not know.")
        case _:
            return StoreUnavailable(_sentence(fault))


def cause_of(error: BaseException, fault: BaseException) -> BaseException | None:
    """``fault``, where it may be told as the cause of ``error``. What a database says of a conflict shows the row."""
    return None if isinstance(error, DataConflict) else fault


def _sentence(cause: BaseException) -> str:
    reason = getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None) or type(cause).__name__
    return f"The store can't be reached at the moment ({reason}). Please try again."
