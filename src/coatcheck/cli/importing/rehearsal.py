"""What an import would do, without doing it (``--dry-run``)."""

import sqlite3
from typing import Self

from coatcheck.flows.import_users import Advanced, Batch, Taken, advance, holder_of
from coatcheck.flows.parts.import_progress import ImportProgress
from coatcheck.stores.port import Store, Transaction


class Rehearsal:
    """Compares with the accounts there are, and with the records before. Those are remembered in a database of its own,
    which SQLite keeps in a temporary file and not in memory."""

    def __init__(self) -> None:
        self._seen = sqlite3.connect("", isolation_level=None)
        self._seen.execute("CREATE TABLE seen (email_key TEXT PRIMARY KEY, place TEXT NOT NULL) WITHOUT ROWID")
        self._seen.execute("BEGIN")

    async def take(self, store: Store, progress: ImportProgress, batch: Batch) -> Advanced:
        """What would come of ``batch``; writes nothing."""
        taken = []
        there = []

        def look(tx: Transaction) -> list[tuple[bool, str | None]]:
            holders = [holder_of(tx, progress.import_id, each) for each in batch.candidates]
            return [(holder is not None, by) for holder, by in holders]

        made = 0
        for each, (is_held, by) in zip(batch.candidates, await store.read(look), strict=True):
            first = self._first(each.user.email_key, each.place)
            if by == each.place:
                there.append(each)
            elif is_held or first != each.place:
                taken.append(Taken(each, by if is_held else first))
            else:
                there.append(each)
                made += 1
        after = advance(progress, batch, there=there, taken=len(taken))
        return Advanced(progress=after, taken=taken, made=made, entry_id=None)

    def _first(self, email_key: str, place: str) -> str:
        """Where this address was met first."""
        self._seen.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (email_key, place))
        found: str = self._seen.execute("SELECT place FROM seen WHERE email_key = ?", (email_key,)).fetchone()[0]
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._seen.close()
