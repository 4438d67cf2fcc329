"""An import from its beginning, or from where it was stopped, to its end."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final

from coatcheck.cli.acting import acting
from coatcheck.cli.importing.accounts import JSONL, Form, Rules, candidate_of, opened_dump
from coatcheck.cli.importing.error_file import ErrorFile, ImportFault
from coatcheck.cli.importing.records import Record, Source
from coatcheck.cli.importing.rehearsal import Rehearsal
from coatcheck.cli.printing import visible
from coatcheck.clock import now_of
from coatcheck.errors import RequestInvalid
from coatcheck.flows.import_users import Advanced, Batch, Candidate, Taken, import_users
from coatcheck.flows.parts.import_progress import ImportProgress, advances
from coatcheck.model.audit import AuditEntry

if TYPE_CHECKING:
    from coatcheck.auth import Auth

_MOST: Final = 500
_FEWEST: Final = 10
_SPAN: Final = 0.5
"""Seconds that a batch should take: stores break off what takes several, and servers want to write meanwhile."""

_SHOWN: Final = 20
_LONGEST_SOURCE: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be imported, and how. ``model`` is what ``dumpdata`` calls the accounts."""

    source: Source
    form: Form
    rules: Rules
    model: str
    errors: Path | None = None
    dry_run: bool = False
    again: bool = False


class _Pace:
    """How many records make a batch. ``took`` is told the seconds of the last one."""

    def __init__(self) -> None:
        self.size = _MOST // 5

    def took(self, seconds: float) -> None:
        self.size = min(_MOST, max(_FEWEST, int(self.size * min(2.0, _SPAN / max(seconds, 0.001)))))


@dataclass(slots=True)
class Outcome:
    """Where the import stands. ``made`` counts the accounts of this run, ``faults`` are the first of its errors."""

    progress: ImportProgress
    made: int = 0
    was_finished: bool = False
    faults: list[ImportFault] = field(default_factory=list)


async def run_import(auth: "Auth", order: Order, show: Callable[[int, int], None]) -> Outcome:
    """Import, telling ``show`` how many records have been read and how much of the source.

    Raises Misconfigured for a source that can't be read on, DataConflict when the same import runs elsewhere.
    """
    source = order.source
    fresh = ImportProgress(import_id=source.import_id, source=visible(source.name)[:_LONGEST_SOURCE])
    newest, before = await _written(auth, source.import_id)
    if newest is not None and not order.again and not order.dry_run:
        written = ImportProgress.of(newest)
        if written.finished:
            return Outcome(written, was_finished=True)
        passed = [fresh if before is None else ImportProgress.of(before), written]
    else:
        passed = [fresh]
    with ExitStack() as resources:
        file = None if order.errors is None else resources.enter_context(ErrorFile(order.errors, source.import_id))
        if file is not None and (order.dry_run or newest is None):
            file.require_empty()
        # When a crash came between the last batch and its errors, that batch is gone through once more.
        progress = passed[0] if file is not None and file.count < passed[-1].errors else passed[-1]
        if file is not None:
            file.keep(progress.errors)
        outcome = Outcome(progress)
        rehearsal = resources.enter_context(Rehearsal()) if order.dry_run else None
        after = None if newest is None else newest.id
        pace = _Pace()
        for batch, refused, places in _batches(order, progress.cursor, pace, lambda: now_of(auth.clock)):
            began = monotonic()
            if rehearsal is not None:
                advanced = await rehearsal.take(auth.store, outcome.progress, batch)
            else:
                advanced = await import_users(
                    auth.store, outcome.progress, batch, after=after, actor_id=acting(), at=now_of(auth.clock)
                )
                after = advanced.entry_id
            pace.took(monotonic() - began)
            faults = sorted([*refused, *map(_taken, advanced.taken)], key=lambda fault: places.index(fault.place))
            if file is not None:
                file.add(faults)
            _note(outcome, advanced, faults)
            show(outcome.progress.read, source.done)
    return outcome


async def _written(auth: "Auth", import_id: str) -> tuple[AuditEntry | None, AuditEntry | None]:
    """The newest entry about this import and the one before it, if that is of the same pass."""
    newest, before = await auth.store.read(lambda tx: (*islice(advances(tx, import_id), 2), None, None)[:2])
    return newest, None if before is None or ImportProgress.of(before).finished else before


def _note(outcome: Outcome, advanced: Advanced, faults: Iterable[ImportFault]) -> None:
    outcome.progress, outcome.made = advanced.progress, outcome.made + advanced.made
    outcome.faults += islice(faults, _SHOWN - len(outcome.faults))


def _taken(taken: Taken) -> ImportFault:
    reason = "There is already an account with this e-mail address."
    if taken.by is not None:
        reason = f"The same e-mail address is at {taken.by}, which was imported."
    return ImportFault(taken.candidate.place, "email", reason, taken.candidate.user.email)


def _batches(
    order: Order, cursor: str, pace: _Pace, clock: Callable[[], datetime]
) -> Iterator[tuple[Batch, list[ImportFault], list[str]]]:
    """The records after ``cursor``, so many at a time, what is wrong with those that can't be taken, and the places of
    all. The last batch has fewer: none, if need be."""
    records = order.source.read(cursor)
    while True:
        size = pace.size
        read = list(islice(records, size))
        candidates, refused = _judged(order, read, clock())
        cursor = read[-1].cursor if read else cursor
        finished = len(read) < size
        batch = Batch(candidates=candidates, read=len(read), cursor=cursor, finished=finished)
        yield batch, refused, [record.place for record in read]
        if finished:
            return


def _judged(order: Order, read: Iterable[Record], now: datetime) -> tuple[list[Candidate], list[ImportFault]]:
    candidates, refused = [], []
    for record in read:
        if record.fields is None:
            refused.append(ImportFault(record.place, None, record.problem))
            continue
        try:
            members = record.fields if order.form is JSONL else opened_dump(record.fields, order.model)
            candidates.append(candidate_of(order.form, members, record.place, order.rules, now=now))
        except RequestInvalid as fault:
            error = fault.errors[0] if fault.errors else None
            refused.append(
                ImportFault(record.place, error.field if error else None, error.reason if error else fault.message)
            )
    return candidates, refused
