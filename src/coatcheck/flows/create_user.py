"""An administrator makes an account for somebody."""

from coatcheck.errors import EmailTaken
from coatcheck.flows.parts.means import Means
from coatcheck.flows.parts.new_user import add_user, compose_user
from coatcheck.model.client import Client
from coatcheck.model.user import User


async def create_user(
    means: Means,
    email: str,
    password: str | None,
    *,
    name: str = "",
    roles: tuple[str, ...] = (),
    actor_id: str | None,
    client: Client,
) -> User:
    """Make an account on somebody's behalf, with roles; without a password nobody can log in to it.

    Raises EmailTaken, PasswordWeak, RequestInvalid, LoginBusy.
    """
    user = await compose_user(means, email, password, name=name, roles=roles, client=client)
    if not await means.store.write(lambda tx: add_user(means, tx, user, actor_id=actor_id, client=client)):
        raise EmailTaken
    return user
