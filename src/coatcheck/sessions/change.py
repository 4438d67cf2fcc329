"""A person's account changes: roles, status or password. Credentials of the old version are refused everywhere."""

from datetime import datetime

from msgspec import structs

from coatcheck.model.audit import AuditEntry
from coatcheck.model.event import UserChanged
from coatcheck.model.user import User
from coatcheck.stores.port import Transaction


def change_user(
    tx: Transaction,
    user: User,
    *,
    kind: str,
    at: datetime,
    actor_id: str | None,
    address: str = "",
    session_id: str | None = None,
    factors: tuple[str, ...] = (),
    detail: dict[str, str] | None = None,
) -> bool:
    """Store ``user`` under the next version and append the event; the other arguments are for the audit trail.

    ``user`` is the row as it was read under its lock (``tx.users.lock``), with the new values. False when somebody else
    changed it in between.
    """
    changed: User = structs.replace(user, version=user.version + 1)
    if not tx.users.save(changed, expected_version=user.version):
        return False
    tx.audit.add(
        AuditEntry(
            at=at,
            kind=kind,
            user_id=user.id,
            actor_id=actor_id,
            session_id=session_id,
            address=address,
            factors=factors,
            detail=detail or {},
        )
    )
    tx.log.append(UserChanged(user.id, changed.version))
    return True
