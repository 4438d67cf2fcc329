"""A person logs out: of this session, of all others, or of all."""

from enum import StrEnum

from coatcheck.flows.parts.means import Means
from coatcheck.model.client import Client
from coatcheck.model.session import Ending
from coatcheck.sessions.end import end_session, end_sessions_of
from coatcheck.stores.port import Committed, Transaction


class Scope(StrEnum):
    """How much a logout ends."""

    THIS = "this"
    OTHERS = "others"
    ALL = "all"


async def logout(
    means: Means, user_id: str, session_id: str, *, scope: Scope, client: Client, wait: bool = False
) -> Committed[int]:
    """End sessions of the caller; idempotent. The result is how many were ended. Raises StoreUnavailable."""
    now = means.now()

    def work(tx: Transaction) -> int:
        if scope is Scope.THIS:
            return end_session(tx, session_id, at=now, ending=Ending.LOGOUT, actor_id=user_id, address=client.address)
        return end_sessions_of(
            tx,
            user_id,
            at=now,
            ending=Ending.LOGOUT,
            actor_id=user_id,
            address=client.address,
            spare=(session_id,) if scope is Scope.OTHERS else (),
        )

    return await means.commit(work, wait=wait)
