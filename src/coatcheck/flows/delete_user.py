"""An account is deleted, for good."""

from coatcheck.flows.parts.account import locked_account, require_another_administrator
from coatcheck.flows.parts.means import Means
from coatcheck.model.client import Client
from coatcheck.model.session import Ending
from coatcheck.sessions.change import change_user
from coatcheck.sessions.end import end_sessions_of
from coatcheck.stores.port import Committed, Transaction


async def delete_user(
    means: Means, user_id: str, *, actor_id: str | None, client: Client, wait: bool = False
) -> Committed[None]:
    """End every session and delete the account; its id is never used again.

    Raises RequestNotFound, DataConflict for the last administrator.
    """
    now = means.now()

    def work(tx: Transaction) -> None:
        user = locked_account(tx, user_id)
        require_another_administrator(tx, user, None)
        end_sessions_of(tx, user_id, at=now, ending=Ending.DELETED, actor_id=actor_id, address=client.address)
        change_user(tx, user, kind="user.deleted", at=now, actor_id=actor_id, address=client.address)
        tx.users.remove(user_id)

    return await means.commit(work, wait=wait)
