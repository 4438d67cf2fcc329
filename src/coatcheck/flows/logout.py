"""A person ends sessions: this one, all others, all, or one from the device list."""

from enum import StrEnum

from coatcheck.errors import RequestNotFound
from coatcheck.flows.means import Committed, Means
from coatcheck.model.client import Client
from coatcheck.model.session import Ending
from coatcheck.sessions.end import end_session, end_sessions_of
from coatcheck.stores.port import Transaction


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


async def end_one_session(
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
        if session is None or session.user_id != user_id:
            return None
        return end_session(tx, session_id, at=now, ending=ending, actor_id=actor_id, address=client.address)

    committed = await means.commit(work, wait=wait)
    if committed.result is None:
        raise RequestNotFound
    return committed.but(committed.result)


async def end_all_sessions(
    means: Means,
    user_id: str,
    *,
    actor_id: str | None,
    ending: Ending = Ending.ENDED_BY_ADMIN,
    client: Client,
    wait: bool = False,
) -> Committed[int]:
    """End every session of a user. The result is how many there were."""
    now = means.now()
    return await means.commit(
        lambda tx: end_sessions_of(tx, user_id, at=now, ending=ending, actor_id=actor_id, address=client.address),
        wait=wait,
    )
