"""Writing down when people were last seen, in batches (rule 11)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from coatcheck.checking.checker import Checker
from coatcheck.stores.port import Store

AT_ONCE: Final = 1_000
"""Sessions in one unit of work, which a store gives little time to: all that were seen may be many."""


async def write_touches(checker: Checker, store: Store) -> int:
    """Move ``seen_at`` of every session that was seen since the last call; return how many.

    Not durable on purpose: a power loss may take the last batch. When the store is away, what was not written is kept
    for the next time; raises StoreUnavailable then.
    """
    seen, written = list(checker.seen), 0
    for start in range(0, len(seen), AT_ONCE):
        written += await _write_some(checker, store, seen[start : start + AT_ONCE])
    return written


async def _write_some(checker: Checker, store: Store, session_ids: list[str]) -> int:
    # Taken out before: what is seen while it is written is for the next time.
    seen = {each: at for each in session_ids if (at := checker.seen.pop(each, None)) is not None}
    instants = {session_id: datetime.fromtimestamp(at, UTC) for session_id, at in seen.items()}
    unwritten: Mapping[str, float] = seen
    try:
        held = await store.write(lambda tx: tx.sessions.touch(instants), durable=False)
        unwritten = {session_id: seen[session_id] for session_id in held}
    finally:
        for session_id, at in unwritten.items():
            checker.seen.setdefault(session_id, at)
    return len(seen) - len(unwritten)
