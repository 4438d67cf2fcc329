"""A login is over, or a key is: every ending goes through here.

Each verb writes the row, the event and the audit entry in the caller's transaction, and says whether there was anything
left to end.
"""

from collections.abc import Iterable
from datetime import datetime

from coatcheck.model.audit import AuditEntry
from coatcheck.model.event import EverythingEnded, KeyRevoked, SessionEnded
from coatcheck.model.key import KeyStatus
from coatcheck.model.session import Ending
from coatcheck.stores.port import Transaction


def end_session(
    tx: Transaction, session_id: str, *, at: datetime, ending: Ending, actor_id: str | None, address: str = ""
) -> bool:
    """End one session. False when it had been ended already or does not exist; of racing callers one gets True."""
    glimpsed = tx.sessions.get(session_id)
    if glimpsed is None:
        return False
    tx.users.lock(glimpsed.user_id)
    if not tx.sessions.end(session_id, at, ending):
        return False
    tx.audit.add(
        AuditEntry(
            at=at,
            kind="session.ended",
            user_id=glimpsed.user_id,
            actor_id=actor_id,
            session_id=session_id,
            address=address,
            detail={"ending": ending.value},
        )
    )
    tx.log.append(SessionEnded(session_id))
    return True


def end_sessions_of(
    tx: Transaction,
    user_id: str,
    *,
    at: datetime,
    ending: Ending,
    actor_id: str | None,
    address: str = "",
    spare: Iterable[str] = (),
) -> int:
    """End every session of a user but those in ``spare``; return how many there were. Takes the user's lock, so no
    login slips past (rule 13)."""
    tx.users.lock(user_id)
    spared = set(spare)
    return sum(
        end_session(tx, session.id, at=at, ending=ending, actor_id=actor_id, address=address)
        for session in tx.sessions.live_of(user_id)
        if session.id not in spared
    )


def end_everything(tx: Transaction, *, at: datetime, reason: str, actor_id: str | None, address: str = "") -> None:
    """End every login there is, in one event: whatever was issued under an older everything-generation is refused."""
    generation = tx.log.raise_everything()
    tx.audit.add(
        AuditEntry(at=at, kind="everything.ended", actor_id=actor_id, address=address, detail={"reason": reason})
    )
    tx.log.append(EverythingEnded(generation))


def revoke_key(
    tx: Transaction, kid: str, *, expected: KeyStatus, at: datetime, actor_id: str | None, reason: str = ""
) -> bool:
    """Revoke a signing key: whatever it signed is refused. False when its status is no longer ``expected``."""
    if not tx.keys.move(kid, expected=expected, to=KeyStatus.REVOKED, at=at):
        return False
    tx.audit.add(AuditEntry(at=at, kind="key.revoked", actor_id=actor_id, detail={"kid": kid, "reason": reason}))
    tx.log.append(KeyRevoked(kid))
    return True
