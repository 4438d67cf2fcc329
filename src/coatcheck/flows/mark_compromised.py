"""Somebody else has this account's password."""

from msgspec import structs

from coatcheck.flows.parts.account import alter_account, locked_account
from coatcheck.flows.parts.means import Means
from coatcheck.model.client import Client
from coatcheck.model.session import Ending
from coatcheck.model.user import User
from coatcheck.stores.port import Committed, Transaction


async def mark_compromised(
    means: Means, user_id: str, *, reason: str, actor_id: str | None, client: Client, wait: bool = False
) -> Committed[User]:
    """End every session and void the password and all known devices. Raises RequestNotFound."""
    now = means.now()

    def work(tx: Transaction) -> User:
        user = locked_account(tx, user_id)
        return alter_account(
            tx,
            user,
            structs.replace(user, password_hash=None, password_changed_at=now),
            kind="user.compromised",
            at=now,
            actor_id=actor_id,
            client=client,
            ending=Ending.COMPROMISED,
            detail={"reason": reason},
        )

    return await means.commit(work, wait=wait)
