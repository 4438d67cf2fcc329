"""An API key is revoked: by its owner, or by an administrator."""

from coatcheck.errors import RequestNotFound
from coatcheck.flows.parts.means import Means
from coatcheck.model.client import Client
from coatcheck.model.principal import Kind
from coatcheck.model.session import Ending
from coatcheck.sessions.end import end_session
from coatcheck.stores.port import Committed, Transaction


async def revoke_api_key(
    means: Means, key_id: str, *, user_id: str | None, actor_id: str | None, client: Client, wait: bool = False
) -> Committed[bool]:
    """Revoke one key, of ``user_id`` where that is given; the result is whether it was still good.

    Raises RequestNotFound when it is somebody else's: nobody learns of other people's keys (OWASP ASVS 8.2.2).
    """
    now = means.now()

    def work(tx: Transaction) -> bool | None:
        key = tx.sessions.get(key_id)
        if key is None or key.kind is not Kind.API_KEY or user_id not in (None, key.user_id):
            return None
        return end_session(tx, key_id, at=now, ending=Ending.REVOKED, actor_id=actor_id, address=client.address)

    committed = await means.commit(work, wait=wait)
    if committed.result is None:
        raise RequestNotFound("There is no such API key.")
    return committed.but(committed.result)
