"""Writing down when people were last seen, in batches (rule 11)."""

from datetime import UTC, datetime

from coatcheck.checking.checker import Checker
from coatcheck.errors import StoreUnavailable
from coatcheck.stores.port import Store


async def write_touches(checker: Checker, store: Store) -> int:
    """Move ``seen_at`` of every session that was seen since the last call; return how many.

    Not durable on purpose: a power loss may take the last batch. When the store is away the batch is kept for the next
    time; raises StoreUnavailable then.
    """
    seen, checker.seen = checker.seen, {}
    if not seen:
        return 0
    instants = {session_id: datetime.fromtimestamp(at, UTC) for session_id, at in seen.items()}
    try:
        held = await store.write(lambda tx: tx.sessions.touch(instants), durable=False)
    except StoreUnavailable:
        checker.seen = seen | checker.seen
        raise
    for session_id in held:
        checker.seen.setdefault(session_id, seen[session_id])
    return len(seen) - len(held)
