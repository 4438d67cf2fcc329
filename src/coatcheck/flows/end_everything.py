"""Log everybody out: every login, in one event. For "we don't know what was taken"."""

from coatcheck.flows.parts.means import Means
from coatcheck.model.client import Client
from coatcheck.sessions import end
from coatcheck.stores.port import Committed


async def end_everything(
    means: Means, *, reason: str, actor_id: str | None, client: Client, spare_feeds: bool = True, wait: bool = False
) -> Committed[None]:
    """End every session there is, the caller's own too, and every API key. ``reason`` goes to the audit trail.

    Services that follow the feed keep their credentials unless ``spare_feeds`` is False. Raises DataConflict.
    """
    now = means.now()
    return await means.commit(
        lambda tx: end.end_everything(
            tx, at=now, reason=reason, actor_id=actor_id, address=client.address, spare_feeds=spare_feeds
        ),
        wait=wait,
    )
