"""A secret or a public key of a service is revoked, and with it every token that was got by it."""

from coatcheck.errors import RequestNotFound
from coatcheck.flows.parts.means import Means
from coatcheck.flows.parts.registered_service import locked_service
from coatcheck.model.client import Client
from coatcheck.model.principal import Kind
from coatcheck.model.session import Ending
from coatcheck.sessions.end import end_session
from coatcheck.stores.port import Committed, Transaction


async def revoke_service_credential(
    means: Means, service_id: str, credential_id: str, *, actor_id: str | None, client: Client, wait: bool = False
) -> Committed[bool]:
    """Revoke one credential of a service; the result is whether it was still good. Raises RequestNotFound."""
    now = means.now()

    def work(tx: Transaction) -> bool:
        locked_service(tx, service_id)
        credential = tx.sessions.get(credential_id)
        if credential is None or credential.kind is not Kind.SERVICE or credential.user_id != service_id:
            raise RequestNotFound("This service has no such credential.")
        return end_session(tx, credential_id, at=now, ending=Ending.REVOKED, actor_id=actor_id, address=client.address)

    return await means.commit(work, wait=wait)
