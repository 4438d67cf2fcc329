"""Every session of one person is ended, by an administrator."""

from coatcheck.flows.parts.account import locked_account
from coatcheck.flows.parts.means import Means
from coatcheck.model.client import Client
from coatcheck.model.session import Ending
from coatcheck.sessions.end import end_sessions_of
from coatcheck.stores.port import Committed, Transaction


async def end_all_sessions(
    means: Means, user_id: str, *, actor_id: str | None, client: Client, wait: bool = False
) -> Committed[int]:
    """End every session of a user. The result is how many there were.

    Raises RequestNotFound for somebody who does not exist: a receipt for nobody would only reassure.
    """
    now, ending = means.now(), Ending.ENDED_BY_ADMIN

    def work(tx: Transaction) -> int:
        user = locked_account(tx, user_id)
        return end_sessions_of(tx, user.id, at=now, ending=ending, actor_id=actor_id, address=client.address)

    return await means.commit(work, wait=wait)
