"""Clearing away what nobody asks about any more: in bounded batches, so that logins never wait for it."""

from datetime import datetime, timedelta
from typing import Final

from coatcheck.stores.port import Store, Transaction

BATCH: Final = 500
KEEP_ENDED: Final = timedelta(days=1)
"""An ended session's row is kept this long, so that a refresh token that comes back late is told what happened."""

KEEP_EVENTS: Final = 1_000_000
"""Events beyond this many are forgotten by the log; the floor rises (rule 9)."""


async def purge(store: Store, now: datetime) -> int:
    """One batch of each kind; return how many rows went. Call again soon while it returns BATCH or more."""

    def work(tx: Transaction) -> int:
        before = now - KEEP_ENDED
        sessions = tx.sessions.purge(ended_before=before, expired_before=before, limit=BATCH)
        attempts = tx.attempts.purge(now, BATCH)
        oldest = min(tx.log.head().seq - KEEP_EVENTS, tx.log.floor() + BATCH)
        events = tx.log.forget(up_to=oldest) if oldest > tx.log.floor() else 0
        return sessions + attempts + events

    return await store.write(work)
