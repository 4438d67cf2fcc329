"""The truth at one instant, read in the transaction that issues: what credentials are made from (rule 12)."""

from datetime import datetime

from msgspec import Struct

from coatcheck.model.key import KeyStatus, SigningKey
from coatcheck.model.position import Position
from coatcheck.model.principal import Kind
from coatcheck.model.session import Session
from coatcheck.model.user import User, UserStatus
from coatcheck.stores.port import Transaction


class Grant(Struct, frozen=True, kw_only=True):
    """A live session, its user, the counters in force and the position at which all of that was true.

    ``issued_at`` is the instant noted before the transaction began: it becomes ``iat``. ``signing_key`` is the current
    key, None only in a store that has none yet.
    """

    session: Session
    user: User
    everything_generation: int
    position: Position
    issued_at: datetime
    signing_key: SigningKey | None


def grant(tx: Transaction, session: Session, user: User, issued_at: datetime) -> Grant:
    """Read the rest of the truth, after the locks: counters, position and signing key."""
    head = tx.log.head()
    current = [key for key in tx.keys.all() if key.status is KeyStatus.CURRENT]
    return Grant(
        session=session,
        user=user,
        everything_generation=head.everything_generation,
        position=head.position,
        issued_at=issued_at,
        signing_key=current[0] if current else None,
    )


def living(tx: Transaction, session_id: str, now: datetime) -> tuple[Session, User] | None:
    """Lock user and session, in this order, and return both if it is a login that is alive and the user is active; else
    None."""
    glimpsed = tx.sessions.get(session_id)
    if glimpsed is None or glimpsed.kind is not Kind.USER:
        return None
    tx.users.lock(glimpsed.user_id)
    tx.sessions.lock(session_id)
    session, user = tx.sessions.get(session_id), tx.users.get(glimpsed.user_id)
    if session is None or user is None or user.status is not UserStatus.ACTIVE:
        return None
    everything = tx.log.head().everything_generation
    if session.ended_at is not None or session.everything_generation < everything or now >= session.expires_at:
        return None
    return session, user


def grant_again(tx: Transaction, session_id: str, generation: int, issued_at: datetime) -> Grant | None:
    """A further credential for a session that is alive now, such as an access token for a cookie's holder; else None.

    None too when the session is no longer at ``generation``, that of the credential shown for this: else whoever held
    the old one gets a new one in the moment in which all are replaced.
    """
    found = living(tx, session_id, issued_at)
    if found is None or found[0].generation != generation:
        return None
    return grant(tx, *found, issued_at)
