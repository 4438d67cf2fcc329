"""The truth at one instant, read in the transaction that issues: what credentials are made from (rule 12)."""

from datetime import datetime

from msgspec import Struct

from coatcheck.model.key import KeyStatus, SigningKey
from coatcheck.model.position import Position
from coatcheck.model.principal import Kind
from coatcheck.model.service import Service, ServiceStatus
from coatcheck.model.session import Session
from coatcheck.model.user import User, UserStatus
from coatcheck.stores.port import Transaction


class Grant(Struct, frozen=True, kw_only=True):
    """A live session, its user and the position at which all of that was true.

    Credentials carry the session's own everything-generation, never the head's: between the locks and the reading of
    the position somebody may have ended everything, this session too.

    ``issued_at`` is the instant noted before the transaction began: it becomes ``iat``. ``signing_key`` is the current
    key, None only in a store that has none yet.
    """

    session: Session
    user: User
    position: Position
    issued_at: datetime
    signing_key: SigningKey | None


class ServiceGrant(Struct, frozen=True, kw_only=True):
    """The same for a service: ``session`` is the credential that it showed."""

    session: Session
    service: Service
    position: Position
    issued_at: datetime
    signing_key: SigningKey | None


class Living(Struct, frozen=True):
    """A session that is alive and its user, both locked, and a position at which that was true."""

    session: Session
    user: User
    position: Position


def grant(tx: Transaction, living: Living, issued_at: datetime) -> Grant:
    """Read the rest of the truth, after the locks: the signing key."""
    return Grant(
        session=living.session,
        user=living.user,
        position=living.position,
        issued_at=issued_at,
        signing_key=_signing_key(tx),
    )


def grant_service(tx: Transaction, credential_id: str, issued_at: datetime) -> ServiceGrant | None:
    """Lock service and credential, in this order, and read the truth if both are good; else None."""
    glimpsed = tx.sessions.get(credential_id)
    if glimpsed is None or glimpsed.kind is not Kind.SERVICE:
        return None
    service, credential = tx.services.lock(glimpsed.user_id), tx.sessions.lock(credential_id)
    if credential is None or service is None or service.status is not ServiceStatus.ACTIVE:
        return None
    head = tx.log.head()
    if _is_over(credential, head.everything_generation, issued_at):
        return None
    return ServiceGrant(
        session=credential,
        service=service,
        position=head.position,
        issued_at=issued_at,
        signing_key=_signing_key(tx),
    )


def find_living(
    tx: Transaction, session_id: str, now: datetime, kinds: tuple[Kind, ...] = (Kind.USER,)
) -> Living | None:
    """Lock user and session, in this order; return them, with a position, if the session is one of ``kinds`` and alive
    and the user is active, else None."""
    glimpsed = tx.sessions.get(session_id)
    if glimpsed is None or glimpsed.kind not in kinds:
        return None
    user, session = tx.users.lock(glimpsed.user_id), tx.sessions.lock(session_id)
    if session is None or user is None or user.status is not UserStatus.ACTIVE:
        return None
    head = tx.log.head()
    if _is_over(session, head.everything_generation, now):
        return None
    return Living(session, user, head.position)


def grant_again(tx: Transaction, session_id: str, generation: int, issued_at: datetime) -> Grant | None:
    """A further credential for a session or API key that is alive now, such as an access token for a cookie's holder;
    else None.

    None too when the session is no longer at ``generation``, that of the credential shown for this: else whoever held
    the old one gets a new one in the moment in which all are replaced.
    """
    found = find_living(tx, session_id, issued_at, (Kind.USER, Kind.API_KEY))
    if found is None or found.session.generation != generation:
        return None
    return grant(tx, found, issued_at)


def _is_over(session: Session, everything_generation: int, now: datetime) -> bool:
    is_ended = session.ended_at is not None or session.everything_generation < everything_generation
    return is_ended or now >= session.expires_at


def _signing_key(tx: Transaction) -> SigningKey | None:
    return next((key for key in tx.keys.all() if key.status is KeyStatus.CURRENT), None)
