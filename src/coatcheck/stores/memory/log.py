"""The log in memory."""

from collections.abc import Sequence
from datetime import timedelta

from msgspec import structs

from coatcheck.authority import Snapshot
from coatcheck.model.event import Event, Happening, Head, KeyAdded, new_event_id
from coatcheck.model.position import Epoch
from coatcheck.stores.compaction import compact
from coatcheck.stores.memory.keys import MemoryKeys
from coatcheck.stores.memory.rows import Rows

_MILLISECOND = timedelta(milliseconds=1)


class MemoryLog:
    """See ``stores.port.Log``."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def head(self) -> Head:
        return self._rows.head

    def append(self, happening: Happening) -> None:
        self._rows.appended.append(happening)

    def enter(self, *, awaited: bool = False) -> tuple[Event, ...]:
        """Give what was appended its place in the log, at the end of a unit of work."""
        rows, head = self._rows, self._rows.head
        events = tuple(
            Event(seq, new_event_id(), happening) for seq, happening in enumerate(rows.appended, head.seq + 1)
        )
        for event in events:
            rows.put(rows.events, event.seq, event)
        if events:
            rows.appended.clear()
            head = structs.replace(head, seq=events[-1].seq, event_id=events[-1].id)
        if awaited and head.seq > head.awaited:
            head = structs.replace(head, awaited=head.seq)
        rows.head = head
        return events

    def after(self, seq: int, limit: int) -> Sequence[Event]:
        rows = self._rows
        first = max(seq, rows.floor) + 1
        return [rows.events[at] for at in range(first, min(rows.head.seq + 1, first + limit))]

    def event_id_at(self, seq: int) -> str | None:
        event = self._rows.events.get(seq)
        return None if event is None else event.id

    def floor(self) -> int:
        return self._rows.floor

    def snapshot(self, limit: int) -> Snapshot:
        rows = self._rows
        newest_first = range(rows.head.seq, rows.floor, -1)
        return compact(
            ((seq, rows.events[seq].happening) for seq in newest_first),
            head=rows.head,
            keys=tuple(KeyAdded(key.kid, key.algorithm, key.public_key) for key in MemoryKeys(rows).all()),
            floor=rows.floor,
            limit=limit,
        )

    def raise_everything(self) -> int:
        head = self._rows.head
        self._rows.head = structs.replace(head, everything_generation=head.everything_generation + 1)
        return self._rows.head.everything_generation

    def set_parameters(self, *, lease: timedelta, token: timedelta, drift: float) -> None:
        self._rows.head = structs.replace(
            self._rows.head, lease_ms=lease // _MILLISECOND, token_ms=token // _MILLISECOND, drift=drift
        )
        self.allow_for(lease)

    def allow_for(self, lease: timedelta) -> None:
        longest = max(self._rows.head.longest_lease_ms, lease // _MILLISECOND)
        self._rows.head = structs.replace(self._rows.head, longest_lease_ms=longest)

    def settle(self, epoch: Epoch) -> bool:
        if self._rows.head.epoch != epoch:
            return False
        self._rows.head = structs.replace(self._rows.head, settled=True)
        return True

    def begin_epoch(self, epoch: Epoch) -> None:
        self._rows.head = structs.replace(self._rows.head, epoch=epoch, settled=False)

    def forget(self, *, up_to: int) -> int:
        rows = self._rows
        forgotten = range(rows.floor + 1, min(up_to, rows.head.seq) + 1)
        for seq in forgotten:
            rows.drop(rows.events, seq)
        rows.floor += len(forgotten)
        return len(forgotten)
