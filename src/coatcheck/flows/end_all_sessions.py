"""Every session of one person is ended, by an administrator."""

from coatcheck.flows.parts.means import Committed, Means
from coatcheck.model.client import Client
from coatcheck.model.session import Ending
from coatcheck.sessions.end import end_sessions_of


async def end_all_sessions(
    means: Means, user_id: str, *, actor_id: str | None, client: Client, wait: bool = False
) -> Committed[int]:
    """End every session of a user. The result is how many there were."""
    now, ending = means.now(), Ending.ENDED_BY_ADMIN
    return await means.commit(
        lambda tx: end_sessions_of(tx, user_id, at=now, ending=ending, actor_id=actor_id, address=client.address),
        wait=wait,
    )
