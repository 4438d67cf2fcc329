"""The end of a PostgreSQL transaction: what was appended, COMMIT and the doorbell in one round trip (rule 1).

The head's row is locked from the first of these statements until the commit is on the disk, and no longer: nobody holds
it while a packet travels.
"""

from typing import Any, Final

import psycopg
from msgspec import json
from psycopg.errors import Diagnostic
from psycopg.pq import TransactionStatus

from coatcheck.errors import OutcomeUnknown, StoreUnavailable
from coatcheck.model.event import Event, Happening, new_event_id
from coatcheck.model.position import Epoch, Position
from coatcheck.stores.postgres.notification import CHANNEL, Notifications
from coatcheck.stores.postgres.pipelining import PipelinedConnection
from coatcheck.stores.sql.tables import events, head

_ENTER: Final = f"""
WITH moved AS (
    UPDATE {head.name}
    SET seq = seq + %(many)s, event_id = %(newest)s,
        awaited = CASE WHEN %(awaited)s THEN seq + %(many)s ELSE awaited END
    RETURNING epoch, seq
), entered AS (
    INSERT INTO {events.name} (seq, event_id, happening)
    SELECT moved.seq - %(many)s + given.at, given.event_id, given.happening
    FROM moved, unnest(%(ids)s::text[], %(happenings)s::text[]) WITH ORDINALITY AS given (event_id, happening, at)
)
SELECT epoch, seq, set_config('coatcheck.place', epoch || ' ' || seq, false) FROM moved
"""  # noqa: S608
_AWAIT: Final = f"UPDATE {head.name} SET awaited = greatest(awaited, seq) RETURNING epoch, seq"  # noqa: S608
_POSITION: Final = f"SELECT epoch, seq FROM {head.name}"  # noqa: S608

# A notification takes a lock of the whole database until its transaction is committed. In one of its own, with nothing
# to write to the disk, that takes microseconds; in the one before, every other one with news would wait for the disk.
_RING: Final = f"NOTIFY {CHANNEL}"
_TELL: Final = f"SELECT pg_notify('{CHANNEL}', current_setting('coatcheck.place') || E'\\n' || %s)"


def commit(
    raw: PipelinedConnection,
    appended: list[Happening],
    *,
    tells: bool,
    awaited: bool,
    rings: Notifications | None,
) -> tuple[tuple[Event, ...], Position | None]:
    """Enter ``appended`` into the log, commit, and ring the bell with what ``rings`` says of it; the events, and with
    ``tells`` or anything appended the position.

    Raises the driver's error when nothing was committed, OutcomeUnknown when that can't be told.
    """
    ids = [new_event_id() for _ in appended]
    told_by: list[str | None] = []

    def note(notice: Diagnostic) -> None:
        told_by.append(notice.source_function)  # it can't be read any more later

    raw.add_notice_handler(note)
    ended: psycopg.Cursor[Any] | None = None
    may_have_ended = False
    try:
        with raw.pipeline():
            raw.send_deferred()
            asked = _ask(raw, appended, ids, tells=tells, awaited=awaited)
            may_have_ended = True
            ended = raw.execute("COMMIT")
            if rings is not None:
                words = rings.words_for(ids, appended, is_urgent=awaited)
                raw.execute(_TELL if words else _RING, [words] if words else None)
    except psycopg.Error as fault:
        if ended is None or ended.statusmessage != "COMMIT":  # else only the bell did not ring, which is but a hint
            if may_have_ended and raw.info.transaction_status is TransactionStatus.UNKNOWN:
                raise OutcomeUnknown from fault
            raise
    finally:
        raw.remove_notice_handler(note)
    if ended.statusmessage != "COMMIT":  # COMMIT of a transaction that failed rolls it back, and is no error
        raise StoreUnavailable
    row = None if asked is None else asked.fetchone()
    if "SyncRepWaitForLSN" in told_by:
        # It is on the primary's disk, and perhaps nowhere else: a failover might forget it.
        raise OutcomeUnknown
    if asked is None:
        return (), None
    if row is None:  # there is no head to enter anything behind: a backup is being put back
        raise OutcomeUnknown
    position = Position(Epoch.parse(row[0]), row[1])
    if rings is not None:
        rings.epoch = position.epoch
    first = position.seq - len(ids) + 1
    return tuple(map(Event, range(first, position.seq + 1), ids, appended)), position


def _ask(
    raw: PipelinedConnection, appended: list[Happening], ids: list[str], *, tells: bool, awaited: bool
) -> "psycopg.Cursor[Any] | None":
    if appended:
        texts = [json.encode(happening).decode() for happening in appended]
        return raw.execute(
            _ENTER, {"many": len(ids), "newest": ids[-1], "awaited": awaited, "ids": ids, "happenings": texts}
        )
    if awaited:
        return raw.execute(_AWAIT)
    return raw.execute(_POSITION) if tells else None


def roll_back(raw: PipelinedConnection) -> bool:
    """Undo what the transaction did, if there is one; False when the connection is gone, and with it the transaction.

    That is not raised: it would hide what the connection was lost by.
    """
    raw.discard_deferred()
    try:
        if raw.info.transaction_status is not TransactionStatus.IDLE:
            raw.execute("ROLLBACK")
    except psycopg.Error:
        return False
    return True
