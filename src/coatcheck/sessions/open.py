"""A login begins, if there is room for one more."""

from coatcheck.errors import SessionLimit
from coatcheck.model.expiry import is_over
from coatcheck.model.session import Ending, Session
from coatcheck.model.user import UserStatus
from coatcheck.sessions.end import end_session
from coatcheck.sessions.grant import Grant, grant
from coatcheck.settings import SessionSettings
from coatcheck.stores.port import Transaction


def open_session(
    tx: Transaction, session: Session, *, expected_version: int, limits: SessionSettings | None = None
) -> Grant | None:
    """Store ``session`` and return what its credentials are made from.

    ``expected_version`` is the user's version that was read with the password hash. None when the user has changed
    since then, or is not active: a login that waited for Argon2 with the old password must not outlive it (rule 13).
    With ``limits`` the person's oldest sessions make room where there is none. Raises SessionLimit where the settings
    refuse instead.
    """
    tx.users.lock(session.user_id)
    user = tx.users.get(session.user_id)
    if user is None or user.version != expected_version or user.status is not UserStatus.ACTIVE:
        return None
    if limits is not None and limits.at_most:
        _make_room(tx, session, limits)
    tx.sessions.add(session)
    return grant(tx, session, user, session.created_at)


def _make_room(tx: Transaction, session: Session, limits: SessionSettings) -> None:
    now = session.created_at
    live = [each for each in tx.sessions.live_of(session.user_id) if not is_over(now, each, limits.flush_touches_every)]
    if len(live) < limits.at_most:
        return
    if limits.at_limit == "refuse":
        raise SessionLimit
    for oldest in live[limits.at_most - 1 :]:
        end_session(tx, oldest.id, at=now, ending=Ending.LIMIT, actor_id=session.user_id, address=session.address)
