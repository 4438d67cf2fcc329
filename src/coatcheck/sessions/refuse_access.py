"""Access tokens are refused while the login, or the service's credential, that they came from goes on (RFC 7009)."""

from datetime import datetime

from msgspec import structs

from coatcheck.model.audit import AuditEntry
from coatcheck.model.event import SessionRenewed
from coatcheck.model.session import Session
from coatcheck.stores.port import Transaction


def refuse_access(
    tx: Transaction, session: Session, *, generation: int, at: datetime, actor_id: str | None, address: str = ""
) -> bool:
    """Raise the generation of ``session``, which is held, with its event, so that every access token of up to
    ``generation`` is refused. Secrets stay good: they have no generation of their own.

    False when these are refused already.
    """
    if session.generation > generation or not tx.sessions.save(
        structs.replace(session, generation=session.generation + 1)
    ):
        return False
    tx.audit.add(
        AuditEntry(
            at=at,
            kind="access.revoked",
            user_id=session.user_id,
            actor_id=actor_id,
            session_id=session.id,
            address=address,
        )
    )
    tx.log.append(SessionRenewed(session.id, session.generation + 1))
    return True
