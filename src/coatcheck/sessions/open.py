"""A login begins, if there is room for one more."""

from coatcheck.errors import SessionLimit
from coatcheck.model.expiry import is_over
from coatcheck.model.position import Position
from coatcheck.model.session import Ending, Session
from coatcheck.model.user import User
from coatcheck.sessions.end import end_session
from coatcheck.sessions.grant import Grant, Living, grant
from coatcheck.settings import SessionSettings
from coatcheck.stores.port import Transaction


def open_session(
    tx: Transaction, session: Session, user: User, position: Position, *, limits: SessionSettings | None = None
) -> Grant:
    """Store ``session`` and return what its credentials are made from.

    ``user`` is the row as it is in this transaction, locked or just added: what the caller requires of it, such as the
    password that was proven, stays true until the session is there (rule 13). ``position`` is where the log's head was
    when the session's everything-generation was read there. With ``limits`` the person's oldest sessions make room
    where there is none. Raises SessionLimit where the settings refuse instead.
    """
    if limits is not None and limits.at_most:
        _make_room(tx, session, limits)
    tx.sessions.add(session)
    return grant(tx, Living(session, user, position), session.created_at)


def _make_room(tx: Transaction, session: Session, limits: SessionSettings) -> None:
    if tx.sessions.count_live_of(session.user_id) < limits.at_most:
        return
    now = session.created_at
    live = [each for each in tx.sessions.live_of(session.user_id) if not is_over(now, each, limits.flush_touches_every)]
    if len(live) < limits.at_most:
        return
    if limits.at_limit == "refuse":
        raise SessionLimit
    for oldest in live[limits.at_most - 1 :]:
        end_session(tx, oldest.id, at=now, ending=Ending.LIMIT, actor_id=session.user_id, address=session.address)
