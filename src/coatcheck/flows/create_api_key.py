"""A person makes an API key: for a program that acts for them, with scopes of its own and none of their roles."""

from datetime import datetime

from coatcheck.errors import FieldError, RequestInvalid, SessionEnded
from coatcheck.flows.parts.account import locked_account
from coatcheck.flows.parts.means import Means
from coatcheck.flows.parts.new_credential import NewCredential, add_credential, compose_credential
from coatcheck.flows.parts.new_session import require_audience
from coatcheck.model.audit import AuditEntry
from coatcheck.model.client import Client
from coatcheck.model.principal import Kind
from coatcheck.model.service import check_label, check_scopes
from coatcheck.model.user import UserStatus
from coatcheck.sessions.grant import find_living
from coatcheck.stores.port import Committed, Transaction


async def create_api_key(
    means: Means,
    user_id: str,
    *,
    name: str,
    scopes: tuple[str, ...] = (),
    audience: str | None = None,
    expires_at: datetime | None = None,
    session_id: str | None,
    actor_id: str | None,
    client: Client,
) -> Committed[NewCredential]:
    """Make a key. With ``session_id``, the login that asks, it has to be alive still when the key is stored.

    Raises RequestInvalid, also for a scope that the settings do not offer, DataConflict when there are too many,
    RequestNotFound when there is no such person, SessionEnded.
    """
    check_label(name)
    check_scopes(scopes)
    require_audience(means, audience)
    offered = means.settings.tokens.api_key_scopes
    foreign = [scope for scope in scopes if scope not in offered]
    if foreign:
        raise RequestInvalid([FieldError("scopes", "An API key can have the scopes that the settings list.")])
    made = compose_credential(
        means,
        Kind.API_KEY,
        user_id,
        name=name,
        expires_at=expires_at,
        client=client,
        scopes=tuple(sorted(scopes)),
        audiences=(audience,) if audience else (),
    )
    now = made.credential.created_at

    def work(tx: Transaction) -> NewCredential:
        user = locked_account(tx, user_id)
        if user.status is not UserStatus.ACTIVE or (
            session_id is not None and find_living(tx, session_id, now) is None
        ):
            raise SessionEnded
        stored = add_credential(tx, made.credential)
        tx.audit.add(
            AuditEntry(
                at=now,
                kind="api_key.created",
                user_id=user_id,
                actor_id=actor_id,
                session_id=stored.id,
                address=client.address,
                detail={"name": stored.name, "scopes": " ".join(stored.scopes)},
            )
        )
        return NewCredential(credential=stored, secret=made.secret)

    return await means.commit(work)
