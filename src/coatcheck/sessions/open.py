"""A login begins."""

from coatcheck.model.session import Session
from coatcheck.model.user import UserStatus
from coatcheck.sessions.grant import Grant, grant
from coatcheck.stores.port import Transaction


def open_session(tx: Transaction, session: Session, *, expected_version: int) -> Grant | None:
    """Store ``session`` and return what its credentials are made from.

    ``expected_version`` is the user's version that was read with the password hash. None when the user has changed
    since then, or is not active: a login that waited for Argon2 with the old password must not outlive it (rule 13).
    """
    tx.users.lock(session.user_id)
    user = tx.users.get(session.user_id)
    if user is None or user.version != expected_version or user.status is not UserStatus.ACTIVE:
        return None
    tx.sessions.add(session)
    return grant(tx, session, user, session.created_at)
