"""The store as an authority: what subscribers beside the database ask (rules 2, 3, 4, 7 and 15)."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Final, TypeVar

from msgspec import Struct, structs

from coatcheck.authority import Answer, Delta, Found, LookUp, Question, Snapshot, Unregistered
from coatcheck.errors import AttemptsExceeded, StoreUnavailable
from coatcheck.model.event import Event, Head
from coatcheck.model.identifiers import REGISTRATION, new_identifier
from coatcheck.model.position import Position
from coatcheck.model.subscriber import Registration
from coatcheck.stores.late_snapshots import LateSnapshots
from coatcheck.stores.port import Registry, Store, Transaction

MOST_EVENTS: Final = 1_000
"""Events in one answer; a subscriber that is further behind asks again."""

MOST_IN_SNAPSHOT: Final = 1_000_000
"""Entries in a snapshot; what is left out raises the floor."""

MOST_AT_ONCE: Final = 10_000
"""Events in a log of which a snapshot is read while all wait for it; of a longer one it is ``Late``."""

MOST_PER_CREDENTIAL: Final = 1_000
"""Registrations of one service credential, lapsed ones too: whoever holds it can't fill the registry (rule 3)."""


class Late(Struct, frozen=True):
    """Instead of an answer: it is a snapshot of a long log, which ``StoreAuthority.sync_late`` gives. ``foreign`` is as
    in a snapshot."""

    head: Head
    foreign: bool = False


Told = TypeVar("Told", Delta | Snapshot, Delta | Snapshot | Late)


class StoreAuthority:
    """Answers from the store itself. ``now`` is the wall clock, for the registry's rows only, never for a lease."""

    def __init__(
        self,
        store: Store,
        now: Callable[[], datetime],
        *,
        most_events: int = MOST_EVENTS,
        most_in_snapshot: int = MOST_IN_SNAPSHOT,
        most_at_once: int = MOST_AT_ONCE,
        most_per_credential: int = MOST_PER_CREDENTIAL,
    ) -> None:
        self._store = store
        self._now = now
        self._most_events = most_events
        self._most_in_snapshot = most_in_snapshot
        self._most_at_once = most_at_once
        self._most_per_credential = most_per_credential
        self._late = LateSnapshots(lambda: store.read(lambda tx: tx.log.snapshot(most_in_snapshot), takes_long=True))

    async def register(self, name: str, accept_ms: int | None, credential: str | None = None) -> str:
        """Commit a registration; the first snapshot is read afterwards, in another transaction (rule 3).

        ``credential`` is the id of the service credential that asks, None for a process beside the store. Raises
        AttemptsExceeded when that credential has as many as it may.
        """
        head = await self._store.read(lambda tx: tx.log.head(), needs_snapshot=False)
        now = self._now()
        row = Registration(
            number=new_identifier(REGISTRATION),
            name=name,
            since=head.position,
            lease_ms=head.lease_ms,
            accept_ms=accept_ms,
            registered_at=now,
            heard_at=now,
            credential=credential,
        )
        if not await self._store.write_registry(lambda registry: self._add(registry, row)):
            raise AttemptsExceeded(
                timedelta(milliseconds=head.lease_ms), "This credential has as many subscribers as it may."
            )
        return row.number

    async def sync(self, question: Question) -> Answer:
        """Answer from one read of the log, and record the acknowledgement if the log holds that event (rule 4)."""
        (answer,) = await self.sync_all([question])
        return await self.sync_late(question, answer) if isinstance(answer, Late) else answer

    async def sync_all(self, questions: Sequence[Question]) -> list[Answer | Late]:
        """Answer all ``questions`` from one read of the log that begins after this call (rule 16). Whom only a snapshot
        helps that takes long is answered by ``sync_late``: nobody else waits for it.

        The registry is written before the answers leave: the largest lease is on record before it can be taken. Where
        no larger one is given and nothing can be written, a full disk for one, they leave all the same (rule 19): an
        acknowledgement that is missing only makes barriers wait.
        """
        rows = await self._store.read_registry(lambda registry: _rows_of(registry, questions))
        valid = [at for at, row in enumerate(rows) if _may_ask(questions[at], row)]
        if not valid:
            return [Unregistered()] * len(questions)
        read = await self._store.read(lambda tx: self._answers(tx, [questions[at] for at in valid]))
        return await self._recorded(questions, rows, dict(zip(valid, read, strict=True)))

    async def sync_late(self, question: Question, late: Late) -> Answer:
        """The snapshot that ``question`` was told to be ``late``. It may have been begun for an earlier question of the
        same registration: then it says that it is as old as a lease, and none is taken from it (rules 3 and 4)."""
        snapshot, is_new = await self._late.get(question.registration)
        age_ms = 0 if is_new else snapshot.head.lease_ms
        told = structs.replace(snapshot, foreign=late.foreign, age_ms=age_ms)
        rows = await self._store.read_registry(lambda registry: _rows_of(registry, [question]))
        (answer,) = await self._recorded([question], rows, {0: (told, False)} if _may_ask(question, rows[0]) else {})
        return answer

    async def _recorded(
        self, questions: Sequence[Question], rows: Sequence[Registration | None], read: "dict[int, tuple[Told, bool]]"
    ) -> "list[Answer | Told]":
        """What was ``read`` for some of the questions, once the registry knows of it; Unregistered for all others."""
        answers: list[Answer | Told] = [Unregistered()] * len(questions)
        now = self._now()
        news: dict[int, tuple[Position | None, int]] = {}
        raises_lease = False
        for at, (answer, holds) in read.items():
            answers[at] = answer
            row, applied = rows[at], questions[at].applied if holds else None
            if row is not None and self._is_news(row, applied, answer.head, now):
                news[at] = (applied, answer.head.lease_ms)
                raises_lease |= answer.head.lease_ms > row.lease_ms
        if news:
            in_order = sorted(news.items(), key=lambda new: questions[new[0]].registration)
            try:
                gone = await self._store.write_registry(
                    lambda registry: [
                        at
                        for at, (applied, lease_ms) in in_order
                        if not registry.acknowledge(questions[at].registration, applied, now, lease_ms)
                    ],
                    durable=raises_lease,
                )
            except StoreUnavailable:
                if raises_lease:
                    raise
                return answers
            for at in gone:
                answers[at] = Unregistered()
        return answers

    async def look_up(self, asked: LookUp) -> Found:
        """One statement on the primary."""
        return await self._store.look_up(asked)

    async def goodbye(self, registration: str, credential: str | None = None) -> None:
        """Delete the row, if it is ``credential``'s own; it holds up no barrier any more (rule 7)."""

        def work(registry: Registry) -> None:
            row = registry.get(registration)
            if row is not None and row.credential == credential:
                registry.remove([registration])

        await self._store.write_registry(work)

    def _add(self, registry: Registry, row: Registration) -> bool:
        if row.credential is not None and registry.count_of(row.credential) >= self._most_per_credential:
            return False
        registry.add(row)
        return True

    def _answers(self, tx: Transaction, questions: Sequence[Question]) -> list[tuple[Delta | Snapshot | Late, bool]]:
        """An answer for each; those who know the same are told the same, and it is read once. So is the snapshot,
        whatever positions are made up to get one: everybody waits for this read."""
        snapshot = self._snapshot_of(tx)
        known: dict[tuple[Position | None, str | None], tuple[Delta | Snapshot | Late, bool]] = {}
        for question in questions:
            at = (question.applied, question.event_id)
            if at not in known:
                known[at] = self._answer(tx, question, snapshot)
        return [known[question.applied, question.event_id] for question in questions]

    def _answer(
        self, tx: Transaction, question: Question, snapshot: Callable[[], Snapshot | Late]
    ) -> tuple[Delta | Snapshot | Late, bool]:
        head, applied = tx.log.head(), question.applied
        if applied is None:
            return snapshot(), False
        if (applied.epoch, applied.seq) > (head.epoch, head.seq):
            return Delta(head=head, events=()), False  # the subscriber sees that this store is behind it
        if applied.epoch != head.epoch:
            return structs.replace(snapshot(), foreign=True), False
        known, events = self._leading_up_to(tx, head, applied.seq)
        if known is None:
            return snapshot(), False
        if known != question.event_id:
            return structs.replace(snapshot(), foreign=True), False
        more = bool(events) and events[-1].seq < head.seq
        return Delta(head=head, events=events, more=more), True

    def _leading_up_to(self, tx: Transaction, head: Head, seq: int) -> tuple[str | None, tuple[Event, ...]]:
        """The id of the event at ``seq``, None when the log has forgotten it, and the events after it. Most know the
        newest one: they are told so from the head alone."""
        if seq == head.seq > 0:
            return head.event_id, ()
        if seq == 0:
            return None if tx.log.floor() else "", tuple(tx.log.after(0, self._most_events))
        events = tx.log.after(seq - 1, self._most_events + 1)
        return (events[0].id, tuple(events[1:])) if events and events[0].seq == seq else (None, ())

    def _snapshot_of(self, tx: Transaction) -> Callable[[], Snapshot | Late]:
        def read() -> Snapshot | Late:
            head = tx.log.head()
            if head.seq - tx.log.floor() > self._most_at_once:
                return Late(head)
            return tx.log.snapshot(self._most_in_snapshot)

        return cache(read)

    @staticmethod
    def _is_news(row: Registration, applied: Position | None, head: Head, now: datetime) -> bool:
        silent_for = now - row.heard_at
        return (
            applied != row.acknowledged
            or head.lease_ms > row.lease_ms
            or not timedelta(0) <= silent_for < timedelta(milliseconds=2 * head.lease_ms)
        )


def _rows_of(registry: Registry, questions: Sequence[Question]) -> list[Registration | None]:
    rows = {row.number: row for row in registry.among({question.registration for question in questions})}
    return [rows.get(question.registration) for question in questions]


def _may_ask(question: Question, row: Registration | None) -> bool:
    """A registration speaks for whoever was given it, and for nobody once it was given up (rules 3 and 15)."""
    return row is not None and row.lapsed_at is None and row.credential == question.credential
