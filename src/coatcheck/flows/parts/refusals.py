"""Somebody was refused, and the audit trail says so (OWASP ASVS 16.3.1, 16.3.3).

An entry names the account that was meant, if there is one, and never what was typed. Nobody fills the disk with
them: below the limits an entry costs the caller an attempt, and beyond a limit there is one entry for each counter and
window, as the rest of a flood tells nothing new.
"""

from contextlib import suppress
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from coatcheck.errors import StoreUnavailable
from coatcheck.flows.parts.means import Means
from coatcheck.model.audit import AuditEntry, Outcome
from coatcheck.model.client import Client
from coatcheck.model.session import Session
from coatcheck.passwords.attempts import Verdict
from coatcheck.sessions.noting import NOTED_EVERY, is_first
from coatcheck.stores.port import Transaction

PASSWORD: Final = ("pwd",)
"""The factor that is tried here (RFC 8176)."""


class Why(StrEnum):
    """Why somebody was refused, as it stands in an entry."""

    UNKNOWN_ACCOUNT = "unknown_account"
    NO_PASSWORD = "no_password"  # noqa: S105
    WRONG_PASSWORD = "wrong_password"  # noqa: S105
    TOO_MANY_ATTEMPTS = "too_many_attempts"
    SUSPENDED = "suspended"
    SESSION_LIMIT = "session_limit"
    EMAIL_TAKEN = "email_taken"


def refusal(
    kind: str,
    why: Why,
    *,
    at: datetime,
    client: Client,
    user_id: str | None,
    actor_id: str | None = None,
    session_id: str | None = None,
) -> AuditEntry:
    """The entry. ``actor_id`` is somebody whose login was proven already; None for a stranger."""
    return AuditEntry(
        at=at,
        kind=kind,
        outcome=Outcome.REFUSED,
        user_id=user_id,
        actor_id=actor_id,
        session_id=session_id,
        address=client.address,
        factors=PASSWORD,
        detail={"reason": why.value},
    )


async def note_refusal(means: Means, entry: AuditEntry) -> None:
    """Write the entry in a transaction of its own. Not durable: a power loss may take the last ones, and no guess holds
    up what must be durable."""
    await means.store.write(lambda tx: tx.audit.add(entry), durable=False)


async def note_limit(means: Means, verdict: Verdict, entry: AuditEntry) -> None:
    """Write the entry if nobody has met this limit yet in its window. Does nothing for a verdict without limit."""
    if verdict.over is not None:
        await _note_once(means, verdict.over, entry, verdict.retry_after or timedelta(seconds=1))


async def note_denial(means: Means, user_id: str, session_id: str, what: str, client: Client) -> None:
    """Note that somebody who is logged in asked for ``what`` without leave, once in an hour (OWASP ASVS 16.3.2).

    The refusal stands although it could not be written down.
    """
    entry = AuditEntry(
        at=means.now(),
        kind="access.denied",
        outcome=Outcome.REFUSED,
        user_id=user_id,
        actor_id=user_id,
        session_id=session_id,
        address=client.address,
        detail={"what": what},
    )
    with suppress(StoreUnavailable):
        await _note_once(means, user_id, entry)


async def note_dead_credential(means: Means, credential: Session, client: Client) -> None:
    """Note that a secret of a service came that is over, or whose service is suspended, once in an hour: somebody still
    uses it, or stole it. The refusal stands although it could not be written down."""
    entry = AuditEntry(
        at=means.now(),
        kind="credential.failed",
        outcome=Outcome.REFUSED,
        user_id=credential.user_id,
        session_id=credential.id,
        address=client.address,
    )
    with suppress(StoreUnavailable):
        await _note_once(means, credential.id, entry)


async def _note_once(means: Means, about: str, entry: AuditEntry, within: timedelta = NOTED_EVERY) -> None:
    mark, now = f"noted {entry.kind} {about}", entry.at
    if await means.store.read(lambda tx: tx.attempts.peek(mark, now)) is not None:
        return

    def work(tx: Transaction) -> None:
        if is_first(tx, mark, now, within):
            tx.audit.add(entry)

    await means.store.write(work, durable=False)
