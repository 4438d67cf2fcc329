"""The end of a SQLite transaction: what was appended gets its place in the log (rule 1), and COMMIT is done, not done,
or unknown."""

import sqlite3
from typing import Final

from sqlalchemy import Connection, bindparam, insert, select, update

from coatcheck.errors import OutcomeUnknown
from coatcheck.model.event import Event, Happening, new_event_id
from coatcheck.model.position import Position
from coatcheck.stores.sql.tables import events, head

_ADVANCE: Final = (
    update(head)
    .values(seq=head.c.seq + bindparam("many"), event_id=bindparam("newest"))
    .returning(head.c.epoch, head.c.seq)
)
_APPEND: Final = insert(events)
_AWAIT: Final = update(head).where(head.c.awaited < head.c.seq).values(awaited=head.c.seq)
_POSITION: Final = select(head.c.epoch, head.c.seq)

_NOT_COMMITTED: Final = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_READONLY)


def enter(connection: Connection, appended: list[Happening], *, awaited: bool) -> tuple[tuple[Event, ...], Position]:
    """Enter ``appended`` into the log, and note whether that is ``awaited``; the events, and the position."""
    entered: tuple[Event, ...] = ()
    if appended:
        ids = [new_event_id() for _ in appended]
        epoch, seq = connection.execute(_ADVANCE, {"many": len(ids), "newest": ids[-1]}).one()
        entered = tuple(map(Event, range(seq - len(ids) + 1, seq + 1), ids, appended))
        rows = [{"seq": each.seq, "event_id": each.id, "happening": each.happening} for each in entered]
        connection.execute(_APPEND, rows)
    else:
        epoch, seq = connection.execute(_POSITION).one()
    if awaited:
        connection.execute(_AWAIT)
    return entered, Position(epoch, seq)


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
