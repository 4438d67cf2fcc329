"""The store as an authority: what subscribers beside the database ask (rules 2, 3, 4, 7 and 15)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from msgspec import structs

from coatcheck.authority import Answer, Delta, Found, LookUp, Question, Snapshot, Unregistered
from coatcheck.model.event import Head
from coatcheck.model.identifiers import REGISTRATION, new_identifier
from coatcheck.model.position import Position
from coatcheck.model.subscriber import Registration
from coatcheck.stores.port import Store, Transaction

MOST_EVENTS: Final = 1_000
"""Events in one answer; a subscriber that is further behind asks again."""

MOST_IN_SNAPSHOT: Final = 1_000_000
"""Entries in a snapshot; what is left out raises the floor."""


class StoreAuthority:
    """Answers from the store itself. ``now`` is the wall clock, for the registry's rows only, never for a lease."""

    def __init__(
        self,
        store: Store,
        now: Callable[[], datetime],
        *,
        most_events: int = MOST_EVENTS,
        most_in_snapshot: int = MOST_IN_SNAPSHOT,
    ) -> None:
        self._store = store
        self._now = now
        self._most_events = most_events
        self._most_in_snapshot = most_in_snapshot

    async def register(self, name: str, accept_ms: int | None) -> str:
        """Commit a registration; the first snapshot is read afterwards, in another transaction (rule 3)."""
        head = await self._store.read(lambda tx: tx.log.head())
        now = self._now()
        row = Registration(
            number=new_identifier(REGISTRATION),
            name=name,
            since=head.position,
            lease_ms=head.lease_ms,
            accept_ms=accept_ms,
            registered_at=now,
            heard_at=now,
        )
        await self._store.write_registry(lambda registry: registry.add(row))
        return row.number

    async def sync(self, question: Question) -> Answer:
        """Answer from one read of the log, and record the acknowledgement if the log holds that event (rule 4).

        The registry is written before the answer leaves: the largest lease is on record before it can be taken.
        """
        row = await self._store.read_registry(lambda registry: registry.get(question.registration))
        if row is None or row.lapsed_at is not None:
            return Unregistered()
        answer, holds = await self._store.read(lambda tx: self._answer(tx, question))
        applied = question.applied if holds else None
        now = self._now()
        if self._is_news(row, applied, answer.head, now):
            lease_ms = answer.head.lease_ms
            if not await self._store.write_registry(
                lambda registry: registry.acknowledge(row.number, applied, now, lease_ms)
            ):
                return Unregistered()
        return answer

    async def look_up(self, asked: LookUp) -> Found:
        """One statement on the primary."""
        return await self._store.read(lambda tx: tx.sessions.look_up(asked))

    async def goodbye(self, registration: str) -> None:
        """Delete the row; it holds up no barrier any more (rule 7)."""
        await self._store.write_registry(lambda registry: registry.remove([registration]))

    def _answer(self, tx: Transaction, question: Question) -> tuple[Delta | Snapshot, bool]:
        head, applied = tx.log.head(), question.applied
        if applied is None:
            return tx.log.snapshot(self._most_in_snapshot), False
        if (applied.epoch, applied.seq) > (head.epoch, head.seq):
            return Delta(head=head, events=()), False  # the subscriber sees that this store is behind it
        if applied.epoch != head.epoch:
            return structs.replace(tx.log.snapshot(self._most_in_snapshot), foreign=True), False
        known = head.event_id if applied.seq == head.seq else tx.log.event_id_at(applied.seq)
        if applied.seq == 0:
            known = ""
        if known is None or tx.log.floor() > applied.seq:
            return tx.log.snapshot(self._most_in_snapshot), False
        if known != question.event_id:
            return structs.replace(tx.log.snapshot(self._most_in_snapshot), foreign=True), False
        events = tuple(tx.log.after(applied.seq, self._most_events))
        more = bool(events) and events[-1].seq < head.seq
        return Delta(head=head, events=events, more=more), True

    @staticmethod
    def _is_news(row: Registration, applied: Position | None, head: Head, now: datetime) -> bool:
        silent_for = now - row.heard_at
        return (
            applied != row.acknowledged
            or head.lease_ms > row.lease_ms
            or not timedelta(0) <= silent_for < timedelta(milliseconds=2 * head.lease_ms)
        )
