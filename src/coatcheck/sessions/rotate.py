"""The secret of a login moves on by one step: refresh rotation, and a cookie renewed in passing.

A step is silent: no event, no claim. The predecessor stays good for a short grace, because answers get lost and tabs
race. A replay after the grace means that two parties hold the token, and nobody can tell which is the thief: the
session ends (RFC 9700 §4.14.2). The ending is an outcome, not an exception, so that it is committed before anybody is
refused.
"""

from datetime import datetime, timedelta
from enum import Enum, auto

from msgspec import Struct, structs

from coatcheck.model.audit import AuditEntry, Outcome
from coatcheck.model.expiry import is_idle, is_within_grace
from coatcheck.model.session import Ending, Session
from coatcheck.sessions.end import end_session
from coatcheck.sessions.grant import Grant, find_living, grant
from coatcheck.sessions.noting import is_first
from coatcheck.stores.port import Transaction
from coatcheck.tokens.refresh import RefreshToken, RefreshTokens


class Standstill(Enum):
    """Why no step was taken."""

    ENDED = auto()
    """The session is over, or was never there."""
    EXPIRED = auto()
    """Its time is over."""
    REPLACED = auto()
    """All credentials were replaced a moment ago, by a request that this one met on the way."""
    REPLAYED = auto()
    """An old token came back; the session has been ended for it, in this transaction."""


class Stepped(Struct, frozen=True):
    """The session after the step, and the refresh token that goes with it."""

    grant: Grant
    refresh_token: RefreshToken


def rotate_refresh(
    tx: Transaction,
    tokens: RefreshTokens,
    presented: RefreshToken,
    *,
    now: datetime,
    grace: timedelta,
    flush_interval: timedelta,
    address: str,
) -> Stepped | Standstill:
    """Exchange ``presented`` for its successor; a retry within the grace gets the same one.

    The current token's successor becomes the current one. The predecessor gets, within ``grace``, the very successor it
    was exchanged for; later it is a replay. Where all were replaced instead (``renew_session``), it gets nothing, but
    in that time it is no theft either: another tab sent it before it could know. Anything older is a replay.
    """
    found = find_living(tx, presented.session_id, now)
    if found is None:
        return _refused(tx, _why_not(tx, presented.session_id, now), presented.session_id, now, address)
    session = found.session
    if is_idle(now, session.seen_at, session.idle_for, flush_interval):
        return _refused(tx, Standstill.EXPIRED, session.id, now, address)
    if presented.digest == session.secret_digest and presented.step == session.step:
        successor = tokens.successor(presented)
        moved: Session = structs.replace(
            session,
            step=successor.step,
            secret_digest=successor.digest,
            previous_digest=session.secret_digest,
            stepped_at=now,
            stepped_with=successor.chain_key_id,
            seen_at=max(now, session.seen_at),
        )
        if not tx.sessions.save(moved):
            return Standstill.ENDED
        return Stepped(grant(tx, structs.replace(found, session=moved), now), successor)
    is_recent = presented.step == session.step - 1 and is_within_grace(now, session.stepped_at, grace)
    if is_recent and session.previous_digest is None:
        return Standstill.REPLACED
    if is_recent and presented.digest == session.previous_digest:
        successor = tokens.successor(presented, session.stepped_with)
        if successor.digest == session.secret_digest:
            _note_retry(tx, session, now, address)
            return Stepped(grant(tx, found, now), successor)
    _note_replay(tx, session, now, address)
    end_session(tx, session.id, at=now, ending=Ending.REPLAYED, actor_id=None, address=address)
    return Standstill.REPLAYED


def renew_in_passing(
    tx: Transaction, session_id: str, *, presented_digest: bytes, secret_digest: bytes, now: datetime
) -> Grant | None:
    """Replace a cookie's secret, keeping the predecessor for the grace. None when it is not alive, or when another
    request was first: the loser keeps what it has."""
    found = find_living(tx, session_id, now)
    if found is None or found.session.secret_digest != presented_digest:
        return None
    session = found.session
    moved: Session = structs.replace(
        session,
        step=session.step + 1,
        secret_digest=secret_digest,
        previous_digest=session.secret_digest,
        stepped_at=now,
        seen_at=max(now, session.seen_at),
    )
    return grant(tx, structs.replace(found, session=moved), now) if tx.sessions.save(moved) else None


def _why_not(tx: Transaction, session_id: str, now: datetime) -> Standstill:
    session = tx.sessions.get(session_id)
    if session is not None and session.ended_at is None and now >= session.expires_at:
        return Standstill.EXPIRED
    return Standstill.ENDED


def _refused(tx: Transaction, why: Standstill, session_id: str, now: datetime, address: str) -> Standstill:
    """Note once in a while that the token of a session that is over came back: its holder may ask for ever."""
    if is_first(tx, f"noted refresh.failed {session_id}", now):
        session = tx.sessions.get(session_id)
        tx.audit.add(
            AuditEntry(
                at=now,
                kind="refresh.failed",
                outcome=Outcome.REFUSED,
                user_id=None if session is None else session.user_id,
                session_id=session_id,
                address=address,
                detail={"reason": why.name.lower()},
            )
        )
    return why


def _note_retry(tx: Transaction, session: Session, now: datetime, address: str) -> None:
    if is_first(tx, f"noted refresh.retried {session.id} {session.step}", now):
        tx.audit.add(
            AuditEntry(at=now, kind="refresh.retried", user_id=session.user_id, session_id=session.id, address=address)
        )


def _note_replay(tx: Transaction, session: Session, now: datetime, address: str) -> None:
    tx.audit.add(
        AuditEntry(
            at=now,
            kind="refresh.replayed",
            outcome=Outcome.REFUSED,
            user_id=session.user_id,
            session_id=session.id,
            address=address,
        )
    )
