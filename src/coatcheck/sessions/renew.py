"""All credentials of a login are replaced: after re-authentication and a password change (OWASP ASVS 7.2.4)."""

from collections.abc import Callable
from datetime import datetime

from msgspec import structs

from coatcheck.model.event import SessionRenewed
from coatcheck.model.session import Session
from coatcheck.sessions.grant import Grant, find_living, grant
from coatcheck.stores.port import Transaction


def renew_session(
    tx: Transaction, session_id: str, *, mint: Callable[[Session], bytes], expected_version: int, now: datetime
) -> Grant | None:
    """Raise the generation, with its event: every older credential of this session is refused, without grace.

    ``mint`` makes the new secret for the session as it will be and returns its digest. ``expected_version`` is the
    user's version that was read with the password hash (rule 13). None when the session is not alive or the user has
    changed since.
    """
    found = find_living(tx, session_id, now)
    if found is None or found.user.version != expected_version:
        return None
    session = found.session
    renewed: Session = structs.replace(
        session,
        generation=session.generation + 1,
        step=session.step + 1,
        previous_digest=None,
        stepped_at=now,
        stepped_with="",
        authenticated_at=now,
        seen_at=now,
    )
    renewed = structs.replace(renewed, secret_digest=mint(renewed))
    if not tx.sessions.save(renewed):
        return None
    tx.log.append(SessionRenewed(session_id, renewed.generation))
    return grant(tx, structs.replace(found, session=renewed), now)
