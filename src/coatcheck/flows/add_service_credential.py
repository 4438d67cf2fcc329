"""A service gets another secret, or another public key, before the old one goes."""

from datetime import datetime

from coatcheck.flows.parts.means import Means
from coatcheck.flows.parts.new_credential import NewCredential, add_credential, compose_credential
from coatcheck.flows.parts.registered_service import locked_service
from coatcheck.model.audit import AuditEntry
from coatcheck.model.client import Client
from coatcheck.model.principal import Kind
from coatcheck.model.service import check_label
from coatcheck.stores.port import Committed, Transaction


async def add_service_credential(
    means: Means,
    service_id: str,
    *,
    name: str,
    public_key: str | None = None,
    expires_at: datetime | None = None,
    actor_id: str | None,
    client: Client,
) -> Committed[NewCredential]:
    """Give a service a secret; or, with ``public_key`` (PEM), a key that it signs with.

    Raises RequestNotFound, RequestInvalid, DataConflict when there are too many.
    """
    check_label(name)
    made = compose_credential(
        means, Kind.SERVICE, service_id, name=name, expires_at=expires_at, client=client, public_key=public_key
    )

    def work(tx: Transaction) -> NewCredential:
        locked_service(tx, service_id)
        stored = add_credential(tx, made.credential)
        tx.audit.add(
            AuditEntry(
                at=stored.created_at,
                kind="credential.created",
                user_id=service_id,
                actor_id=actor_id,
                session_id=stored.id,
                address=client.address,
                detail={"name": stored.name, "form": "secret" if public_key is None else "public key"},
            )
        )
        return NewCredential(credential=stored, secret=made.secret)

    return await means.commit(work)
