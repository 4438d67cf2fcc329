"""A service is deleted, for good."""

from coatcheck.flows.parts.means import Means
from coatcheck.flows.parts.registered_service import locked_service
from coatcheck.model.client import Client
from coatcheck.model.session import Ending
from coatcheck.sessions.change_service import change_service
from coatcheck.sessions.end import end_sessions_of
from coatcheck.stores.port import Committed, Transaction


async def delete_service(
    means: Means, service_id: str, *, actor_id: str | None, client: Client, wait: bool = False
) -> Committed[None]:
    """End every credential of a service and delete it; its id is never used again. Raises RequestNotFound."""
    now = means.now()

    def work(tx: Transaction) -> None:
        service = locked_service(tx, service_id)
        end_sessions_of(tx, service_id, at=now, ending=Ending.DELETED, actor_id=actor_id, address=client.address)
        change_service(tx, service, kind="service.deleted", at=now, actor_id=actor_id, address=client.address)
        tx.services.remove(service_id)

    return await means.commit(work, wait=wait)
