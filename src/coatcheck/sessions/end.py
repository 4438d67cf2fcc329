"""A login is over, or a key is: every ending goes through here.

Each verb writes the row, the event and the audit entry in the caller's transaction, and says whether there was anything
left to end.
"""

from collections.abc import Iterable
from datetime import datetime
from itertools import chain
from typing import Final

from msgspec import structs

from coatcheck.errors import DataConflict
from coatcheck.model.audit import AuditEntry
from coatcheck.model.event import EverythingEnded, KeyRevoked, SessionEnded
from coatcheck.model.key import KeyStatus
from coatcheck.model.principal import Kind
from coatcheck.model.session import Ending, Session
from coatcheck.stores.port import Transaction

_CALLED: Final = {Kind.USER: "session.ended", Kind.API_KEY: "api_key.revoked", Kind.SERVICE: "credential.revoked"}
"""What the audit trail calls it."""


def end_session(
    tx: Transaction, session_id: str, *, at: datetime, ending: Ending, actor_id: str | None, address: str = ""
) -> bool:
    """End one session, of whatever kind. False when it had been ended already or does not exist; of racing callers one
    gets True."""
    glimpsed = tx.sessions.get(session_id)
    if glimpsed is None:
        return False
    _lock_owner(tx, glimpsed)
    if not tx.sessions.end(session_id, at, ending):
        return False
    tx.audit.add(
        AuditEntry(
            at=at,
            kind=_CALLED[glimpsed.kind],
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
    """End the sessions of a user but those in ``spare``; return how many there were. ``ending`` says whether API keys
    are meant, too. Takes the user's lock, so no login slips past (rule 13)."""
    tx.users.lock(user_id)
    spared = set(spare)
    return sum(
        end_session(tx, session.id, at=at, ending=ending, actor_id=actor_id, address=address)
        for session in chain.from_iterable(tx.sessions.live_of(user_id, kind) for kind in ending.kinds)
        if session.id not in spared
    )


def lock_people(tx: Transaction, user_id: str, session_id: str) -> None:
    """Hold a user and, if that is somebody else, the owner of a login that is to end with it: in order of id, as
    two people may take turns at two browsers."""
    ended = tx.sessions.get(session_id)
    owners = {user_id} | ({ended.user_id} if ended is not None and ended.kind is Kind.USER else set())
    for owner in sorted(owners):
        tx.users.lock(owner)


def end_everything(
    tx: Transaction, *, at: datetime, reason: str, actor_id: str | None, address: str = "", spare_feeds: bool
) -> None:
    """End everything there is, in one event: whatever was issued under an older everything-generation is refused.

    With ``spare_feeds`` the secrets and keys of services that follow the feed are issued anew, as it were: else every
    Verifier goes dark, and nobody hears of this. Their access tokens end. Raises DataConflict when somebody else does
    the same at this moment: then it is done.
    """
    coming = tx.log.head().everything_generation + 1
    if spare_feeds:
        _spare_feeds(tx, coming)
    generation = tx.log.raise_everything()
    if generation != coming:
        raise DataConflict
    detail = {"reason": reason} | ({} if spare_feeds else {"feeds": "ended"})
    tx.audit.add(AuditEntry(at=at, kind="everything.ended", actor_id=actor_id, address=address, detail=detail))
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


def _lock_owner(tx: Transaction, session: Session) -> None:
    if session.kind is Kind.SERVICE:
        tx.services.lock(session.user_id)
    else:
        tx.users.lock(session.user_id)


def _spare_feeds(tx: Transaction, generation: int) -> None:
    for service in tx.services.feeds():
        tx.services.lock(service.id)
        for credential in tx.sessions.live_of(service.id, Kind.SERVICE):
            tx.sessions.lock(credential.id)
            tx.sessions.save(structs.replace(credential, everything_generation=generation))
