"""What a database's complaint means for the caller. Nothing that was in the statement is repeated.

Why PostgreSQL can't be reached is: a wrong password, a line that pg_hba.conf lacks, too many clients and a certificate
that is not trusted look alike otherwise. It names host, user and database: it is for logs and the command line alone.
"""

from typing import Final

from msgspec import MsgspecError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError, StatementError

from coatcheck.errors import DataConflict, StoreUnavailable

TROUBLE: Final = (SQLAlchemyError, OSError, MsgspecError)
"""What may go wrong with any database; each driver has errors of its own besides."""

_LONGEST_REASON: Final = 300


def translated(fault: BaseException) -> BaseException:
    """The error of ``coatcheck.errors`` for one of TROUBLE or a driver's own; what is not the database's doing stays
    what it is."""
    match fault:
        case _ if any(kind.__name__ == "IntegrityError" for kind in type(fault).__mro__):  # each driver's (PEP 249)
            return DataConflict()
        case StatementError(orig=BaseException() as cause) if not isinstance(fault, DBAPIError):
            return cause
        case DBAPIError(orig=BaseException() as cause):
            return StoreUnavailable(_sentence(cause), reason=_reason(cause))
        case MsgspecError():  # such as an event of a kind that a newer version has added (rule 4)
            return StoreUnavailable("The store holds something that this version does not know.")
        case _:
            return StoreUnavailable(_sentence(fault), reason=_reason(fault))


def cause_of(error: BaseException, fault: BaseException) -> BaseException | None:
    """``fault``, where it may be told as the cause of ``error``. What a database says of a conflict shows the row."""
    return None if isinstance(error, DataConflict) else fault


def _sentence(cause: BaseException) -> str:
    reason = getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None) or type(cause).__name__
    return f"The store can't be reached at the moment ({reason}). Please try again."


def _reason(cause: BaseException) -> str:
    """The first line of what libpq says of a connection; "" where it may be about what is stored. There is no password
    in it: an address that takes a piece of one for a host or port is refused before (``stores.place``)."""
    if type(cause).__name__ != "OperationalError" or getattr(cause, "sqlstate", "") is not None:
        return ""
    line = "".join(each if each.isprintable() else " " for each in str(cause).strip().partition("\n")[0])
    return line.removeprefix("connection failed: ")[:_LONGEST_REASON]
