"""An account under its lock, as an administrator changes it. The last administrator can't be removed."""

from datetime import datetime

from coatcheck.errors import DataConflict, RequestNotFound
from coatcheck.model.client import Client
from coatcheck.model.session import Ending
from coatcheck.model.user import ADMINISTRATOR, User, UserStatus
from coatcheck.sessions.change import change_user
from coatcheck.sessions.end import end_sessions_of
from coatcheck.stores.port import Transaction


def locked_account(tx: Transaction, user_id: str) -> User:
    """The user, whom nobody else changes until the transaction is over. Raises RequestNotFound."""
    user = tx.users.lock(user_id)
    if user is None:
        raise RequestNotFound("There is no such user.")
    return user


def alter_account(
    tx: Transaction,
    before: User,
    after: User,
    *,
    kind: str,
    at: datetime,
    actor_id: str | None,
    client: Client,
    ending: Ending | None = None,
    detail: dict[str, str] | None = None,
) -> User:
    """Make a locked account what ``after`` says, with its event if that is new; ``ending`` ends every session, too.

    Raises DataConflict for the last administrator.
    """
    require_another_administrator(tx, before, after)
    if after != before:
        change_user(tx, after, kind=kind, at=at, actor_id=actor_id, address=client.address, detail=detail)
    if ending is not None:
        end_sessions_of(tx, after.id, at=at, ending=ending, actor_id=actor_id, address=client.address)
    return tx.users.get(after.id) or after


def require_another_administrator(tx: Transaction, before: User, after: User | None) -> None:
    """Refuse to leave nobody who may administer; ``after`` is None for a deletion. Raises DataConflict."""
    if _administers(before) and not _administers(after) and tx.users.count_with_role(ADMINISTRATOR) <= 1:
        raise DataConflict("This is the last administrator.")


def _administers(user: User | None) -> bool:
    return user is not None and ADMINISTRATOR in user.roles and user.status is UserStatus.ACTIVE
