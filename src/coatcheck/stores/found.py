"""What a look-up answers, from the rows that it read (rules 9 and 12). One rule for every store."""

from typing import Any

from coatcheck.authority import Found, LookUp
from coatcheck.model.position import Position
from coatcheck.model.principal import Kind
from coatcheck.model.record import Record
from coatcheck.model.service import ServiceStatus
from coatcheck.model.user import UserStatus


def found(
    asked: LookUp,
    *,
    position: Position,
    everything_generation: int,
    session: Any | None,
    user: Any | None,
    service: Any | None,
    key_is_valid: bool,
) -> Found:
    """Judge one credential.

    ``session`` has the attributes of a Session, ``user`` the attributes ``version``, ``roles`` and ``status``,
    ``service`` those of a Service; all may be rows. Roles are for people: an API key has its scopes, and nothing
    else of its owner.
    """
    if session is None:
        return Found(position=position, record=None, key_is_valid=key_is_valid)
    is_service = session.kind == Kind.SERVICE
    owner = service if is_service else user
    if (
        owner is None
        or owner.status != (ServiceStatus.ACTIVE if is_service else UserStatus.ACTIVE)
        or session.ended_at is not None
        or session.everything_generation < everything_generation
    ):
        return Found(position=position, record=None, session_id=session.id, key_is_valid=key_is_valid)
    record = Record(
        session_id=session.id,
        user_id=session.user_id,
        generation=session.generation,
        user_version=owner.version,
        everything_generation=session.everything_generation,
        stamp=position,
        roles=owner.roles if session.kind == Kind.USER else (),
        amr=session.amr,
        organisation=session.organisation,
        authenticated_at=session.authenticated_at,
        stepped_at=session.stepped_at,
        seen_at=session.seen_at,
        expires_at=session.expires_at,
        idle_for=session.idle_for,
        superseded=asked.digest is not None and asked.digest != session.secret_digest,
        kind=session.kind,
        scopes=session.scopes,
    )
    return Found(position=position, record=record, session_id=session.id, key_is_valid=key_is_valid)
