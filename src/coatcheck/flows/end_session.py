"""One session is ended from the device list: by the person, or by an administrator."""

from coatcheck.errors import RequestNotFound
from coatcheck.flows.parts.means import Means
from coatcheck.model.client import Client
from coatcheck.model.principal import Kind
from coatcheck.model.session import Ending
from coatcheck.sessions import end
from coatcheck.stores.port import Committed, Transaction


async def end_session(
    means: Means,
    user_id: str,
    session_id: str,
    *,
    actor_id: str | None,
    ending: Ending = Ending.ENDED_BY_USER,
    client: Client,
    wait: bool = False,
) -> Committed[int]:
    """End one session of ``user_id``, who or whose administrator asks. One that has ended already is fine.

    Raises RequestNotFound when it is not this user's: nobody learns of other people's sessions (OWASP ASVS 8.2.2).
    """
    now = means.now()

    def work(tx: Transaction) -> int | None:
        session = tx.sessions.get(session_id)
        if session is None or session.user_id != user_id or session.kind is not Kind.USER:
            return None
        return end.end_session(tx, session_id, at=now, ending=ending, actor_id=actor_id, address=client.address)

    committed = await means.commit(work, wait=wait)
    if committed.result is None:
        raise RequestNotFound
    return committed.but(committed.result)
