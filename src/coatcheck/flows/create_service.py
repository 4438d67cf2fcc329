"""An administrator registers a service, with its first credential."""

from typing import NamedTuple

from coatcheck.flows.parts.means import Means
from coatcheck.flows.parts.new_credential import NewCredential, add_credential, compose_credential
from coatcheck.model.audit import AuditEntry
from coatcheck.model.client import Client
from coatcheck.model.identifiers import SERVICE, new_identifier
from coatcheck.model.principal import Kind
from coatcheck.model.service import Service, check_service
from coatcheck.stores.port import Committed, Transaction


class NewService(NamedTuple):
    """A service that was just registered, and what it proves itself by."""

    service: Service
    first: NewCredential


async def create_service(
    means: Means,
    *,
    name: str,
    audiences: tuple[str, ...] = (),
    scopes: tuple[str, ...] = (),
    feed: bool = False,
    public_key: str | None = None,
    actor_id: str | None,
    client: Client,
) -> Committed[NewService]:
    """Register a service. It gets a secret, unless a ``public_key`` (PEM) is given that it signs with instead.

    Raises RequestInvalid.
    """
    service = Service(
        id=new_identifier(SERVICE),
        name=name.strip(),
        audiences=tuple(sorted(audiences)),
        scopes=tuple(sorted(scopes)),
        feed=feed,
        created_at=means.now(),
    )
    check_service(service)
    made = compose_credential(
        means, Kind.SERVICE, service.id, name="first", expires_at=None, client=client, public_key=public_key
    )

    def work(tx: Transaction) -> NewService:
        tx.services.add(service)
        stored = add_credential(tx, made.credential)
        tx.audit.add(
            AuditEntry(
                at=service.created_at,
                kind="service.created",
                user_id=service.id,
                actor_id=actor_id,
                session_id=stored.id,
                address=client.address,
                detail={
                    "name": service.name,
                    "audiences": " ".join(service.audiences),
                    "scopes": " ".join(service.scopes),
                    "feed": str(service.feed).lower(),
                },
            )
        )
        return NewService(service, NewCredential(credential=stored, secret=made.secret))

    return await means.commit(work)
