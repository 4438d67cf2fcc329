"""Clearing away what nobody asks about any more: in bounded batches, so that logins never wait for it."""

from datetime import datetime, timedelta
from typing import Final

from coatcheck.stores.port import Store, Transaction

BATCH: Final = 500
KEEP_ENDED: Final = timedelta(days=1)
"""An ended session's row is kept this long, so that a refresh token that comes back late is told what happened."""

KEEP_EVENTS: Final = 1_000_000
"""Events beyond this many are forgotten by the log; the floor rises (rule 9)."""


async def purge(
    store: Store, now: datetime, *, keep_audit_for: timedelta | None = None, keep_events: int = KEEP_EVENTS
) -> int:
    """One batch of each kind; return how many rows went. Call again soon while it returns BATCH or more.

    Audit entries go when they are older than ``keep_audit_for``; None leaves all of them. Of events the newest
    ``keep_events`` stay.
    """

    def work(tx: Transaction) -> int:
        before = now - KEEP_ENDED
        sessions = tx.sessions.purge(ended_before=before, expired_before=before, limit=BATCH)
        attempts = tx.attempts.purge(now, BATCH)
        oldest = min(tx.log.head().seq - keep_events, tx.log.floor() + BATCH)
        events = tx.log.forget(up_to=oldest) if oldest > tx.log.floor() else 0
        entries = 0 if keep_audit_for is None else tx.audit.purge(now - keep_audit_for, BATCH)
        return sessions + attempts + events + entries

    return await store.write(work)
