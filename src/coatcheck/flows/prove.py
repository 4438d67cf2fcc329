"""The password of somebody who is logged in already is proven once more: shared by re-authentication and change."""

from coatcheck.errors import LoginRefused, SessionEnded
from coatcheck.flows.login import count_attempt, is_password
from coatcheck.flows.means import Means
from coatcheck.model.client import Client
from coatcheck.model.user import User
from coatcheck.passwords.attempts import Verdict
from coatcheck.passwords.policy import prepare


async def prove_password(
    means: Means, user_id: str, password: str, *, client: Client, field: str = "password"
) -> tuple[User, str, Verdict]:
    """Return the user, the hash that ``password`` opened, and the counted attempt.

    The transaction that follows asks ``current_user`` whether that is still the hash.

    Raises LoginRefused, AttemptsExceeded, LoginBusy, SessionEnded when there is no such user any more.
    """
    prepared = prepare(password, field=field)
    user = await means.store.read(lambda tx: tx.users.get(user_id))
    if user is None:
        raise SessionEnded
    current, verdict, device = await count_attempt(means, user.email_key, client)
    if current is None or current.id != user_id:
        raise SessionEnded
    stored = current.password_hash
    is_right = await is_password(means, stored, prepared, verdict, client=client, familiar=device is not None)
    if stored is None or not is_right:
        raise LoginRefused("The password is not right.")
    return current, stored, verdict
