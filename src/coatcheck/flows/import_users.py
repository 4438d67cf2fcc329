"""Accounts are brought from elsewhere, with their password hashes: a batch in one transaction.

The batch, an audit entry for each account and the progress of the import are committed together. So an import that was
stopped anywhere, even by a crash, goes on after its last batch, and a record that was imported is known as such. No
existing account is ever changed.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct, structs

from coatcheck.errors import DataConflict
from coatcheck.flows.parts.import_progress import ImportProgress, advances
from coatcheck.model.audit import AuditEntry
from coatcheck.model.user import User
from coatcheck.stores.port import Store, Transaction

IMPORTED: Final = "user.imported"
_MOST_SCHEMES: Final = 64


class Candidate(Struct, frozen=True):
    """An account to make. ``place`` is where it stands in the source, such as ``line 7``; ``scheme`` is the work of its
    hash, None for none and for one as it is made today."""

    place: str
    user: User
    scheme: str | None = None


class Batch(Struct, frozen=True, kw_only=True):
    """The next records of a source: those to make accounts of, how many there were with the refused ones, and where the
    source goes on afterwards."""

    candidates: Sequence[Candidate]
    read: int
    cursor: str
    finished: bool


class Taken(Struct, frozen=True):
    """A candidate whose e-mail address is taken; ``by`` is the place in the same source, None for another account."""

    candidate: Candidate
    by: str | None


class Advanced(Struct, frozen=True, kw_only=True):
    """What came of a batch. ``made`` counts the accounts that were not there before, ``entry_id`` is where the audit
    trail has the progress."""

    progress: ImportProgress
    taken: Sequence[Taken]
    made: int
    entry_id: str | None


async def import_users(
    store: Store, progress: ImportProgress, batch: Batch, *, after: str | None, actor_id: str, at: datetime
) -> Advanced:
    """Make the accounts of ``batch``, from ``progress`` on, and write down how far that is.

    ``after`` is the id of the newest entry about this import, None for none. Raises DataConflict when another one has
    been written meanwhile: the same import runs twice.
    """

    def work(tx: Transaction) -> Advanced:
        newest = next(advances(tx, progress.import_id), None)
        if (newest and newest.id) != after:
            raise DataConflict("This import is being done by another process, too; that one goes on.")
        made, there, taken = [], [], []
        for each in batch.candidates:
            if tx.users.add(each.user):
                tx.audit.add(_entry(progress.import_id, each, actor_id=actor_id, at=at))
                made.append(each)
                continue
            holder, by = holder_of(tx, progress.import_id, each)
            if by == each.place:
                there.append(_as_it_is(each, holder))
            else:
                taken.append(Taken(each, by))
        after_it = advance(progress, batch, there=[*made, *there], taken=len(taken))
        entry = after_it.entry(at=at, actor_id=actor_id)
        tx.audit.add(entry)
        return Advanced(progress=after_it, taken=taken, made=len(made), entry_id=entry.id)

    return await store.write(work)


def holder_of(tx: Transaction, import_id: str, candidate: Candidate) -> tuple[User | None, str | None]:
    """Who has the candidate's e-mail address, if anybody, and from which place of this import, if from any."""
    holder = tx.users.by_email_key(candidate.user.email_key)
    if holder is None:
        return None, None
    # An account that was imported has no older entry. Every database finds it without looking at others.
    first = next(iter(tx.audit.follow(user_id=holder.id, limit=1)), None)
    is_ours = first is not None and first.kind == IMPORTED and first.detail.get("import") == import_id
    return holder, first.detail["place"] if first is not None and is_ours else None


def advance(progress: ImportProgress, batch: Batch, *, there: Sequence[Candidate], taken: int) -> ImportProgress:
    """``progress`` after ``batch``, when ``there`` have their accounts and ``taken`` can't."""
    schemes = dict(progress.schemes)
    for each in there:
        if each.scheme is not None and (each.scheme in schemes or len(schemes) < _MOST_SCHEMES):
            schemes[each.scheme] = schemes.get(each.scheme, 0) + 1
    after: ImportProgress = structs.replace(
        progress,
        cursor=batch.cursor,
        read=progress.read + batch.read,
        imported=progress.imported + len(there),
        existing=progress.existing + taken,
        refused=progress.refused + batch.read - len(batch.candidates),
        without_password=progress.without_password + sum(each.user.password_hash is None for each in there),
        schemes=schemes,
        finished=batch.finished,
    )
    return after


def _as_it_is(candidate: Candidate, holder: User | None) -> Candidate:
    """The candidate with the hash that its account has by now: a login has replaced it, or it never changed."""
    if holder is None or holder.password_hash == candidate.user.password_hash:
        return candidate
    return Candidate(candidate.place, holder)


def _entry(import_id: str, candidate: Candidate, *, actor_id: str, at: datetime) -> AuditEntry:
    roles = {"roles": " ".join(candidate.user.roles)} if candidate.user.roles else {}
    return AuditEntry(
        at=at,
        kind=IMPORTED,
        user_id=candidate.user.id,
        actor_id=actor_id,
        detail={"import": import_id, "place": candidate.place, **roles},
    )
