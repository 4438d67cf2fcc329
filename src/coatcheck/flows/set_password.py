"""An administrator gives an account another password."""

from msgspec import structs

from coatcheck.errors import RequestNotFound
from coatcheck.flows.parts.account import alter_account, locked_account
from coatcheck.flows.parts.choose_password import choose_password
from coatcheck.flows.parts.means import Means
from coatcheck.model.client import Client
from coatcheck.model.session import Ending
from coatcheck.model.user import User
from coatcheck.stores.port import Committed, Transaction


async def set_password(
    means: Means, user_id: str, password: str, *, actor_id: str | None, client: Client, wait: bool = False
) -> Committed[User]:
    """Replace the password, whether or not there was one, and end every session.

    Raises RequestNotFound, PasswordWeak, RequestInvalid, LoginBusy.
    """
    person = await means.store.read(lambda tx: tx.users.get(user_id))
    if person is None:
        raise RequestNotFound
    password_hash = await choose_password(means, password, email=person.email, name=person.name, client=client)
    now = means.now()

    def work(tx: Transaction) -> User:
        user = locked_account(tx, user_id)
        return alter_account(
            tx,
            user,
            structs.replace(user, password_hash=password_hash, password_changed_at=now),
            kind="password.set",
            at=now,
            actor_id=actor_id,
            client=client,
            ending=Ending.PASSWORD_CHANGED,
        )

    return await means.commit(work, wait=wait)
