"""How far the audit trail is complete.

Entries are numbered when they are written, and seen when they are committed: one may appear behind another that is
read already, and whoever follows the trail would never see it. The order in which transactions began tells nothing, as
each takes its numbers later. But whoever has taken a number holds a lock on the table until the end.
"""

import time
from typing import Final

from sqlalchemy import Connection, text

from coatcheck.stores.sql.tables import audit

_PATIENCE: Final = 1.0
_LOOKS_EVERY: Final = 0.002

_TAKEN: Final = text(f"SELECT last_value FROM {audit.name}_number_seq")  # noqa: S608
_WRITERS: Final = text(
    f"""
    SELECT virtualtransaction FROM pg_locks
    WHERE locktype = 'relation' AND relation = '{audit.name}'::regclass AND mode = 'RowExclusiveLock' AND granted
      AND pid <> pg_backend_pid() AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    """  # noqa: S608
)


def complete_up_to(connection: Connection) -> int | None:
    """A number up to which every entry that will ever be there can be seen by the next statement; None while somebody
    who may have a lower one does not come to an end.

    Exact outside of a transaction only: within one that reads a snapshot, the snapshot may be older than the answer.
    """
    taken: int = connection.execute(_TAKEN).scalar_one()
    waits_for = _writers(connection)
    gives_up = time.monotonic() + _PATIENCE
    while waits_for:
        if time.monotonic() > gives_up:
            return None
        time.sleep(_LOOKS_EVERY)
        waits_for &= _writers(connection)
    return taken


def _writers(connection: Connection) -> set[str]:
    return set(connection.execute(_WRITERS).scalars())
