"""A person replaces the password. Every other session ends and all credentials of this one are renewed, in the same
transaction as the new hash (OWASP ASVS 7.4.3)."""

from msgspec import structs

from coatcheck.errors import LoginBusy, PasswordWeak, RequestInvalid, SessionEnded
from coatcheck.flows.parts.choose_password import choose_password
from coatcheck.flows.parts.credentials import login_from, renew_credentials
from coatcheck.flows.parts.means import Means
from coatcheck.flows.parts.prove_password import current_user, device_mark, prove_password, uncount
from coatcheck.flows.parts.refusals import PASSWORD
from coatcheck.model.client import Client
from coatcheck.model.login import Login
from coatcheck.model.session import Ending
from coatcheck.sessions.change import change_user
from coatcheck.sessions.end import end_sessions_of
from coatcheck.sessions.grant import Grant
from coatcheck.stores.port import Committed, Transaction


async def change_password(
    means: Means, user_id: str, session_id: str, *, current: str, new: str, client: Client, wait: bool = False
) -> Committed[Login]:
    """Replace the password after proving the current one.

    Raises LoginRefused (the current one is wrong), PasswordWeak, RequestInvalid, AttemptsExceeded, LoginBusy,
    SessionEnded.
    """
    person, proven, verdict = await prove_password(
        means, user_id, session_id, current, kind="password.change_failed", client=client, field="current"
    )
    try:
        password_hash = await choose_password(
            means, new, email=person.email, name=person.name, client=client, field="new", familiar=True
        )
    except (PasswordWeak, RequestInvalid, LoginBusy):
        await uncount(means, verdict)
        raise
    now = means.now()

    def work(tx: Transaction) -> tuple[Grant, str] | None:
        user = current_user(tx, user_id, proven)
        if user is None:
            return None
        changed = structs.replace(user, password_hash=password_hash, password_changed_at=now)
        if not change_user(
            tx,
            changed,
            kind="password.changed",
            at=now,
            actor_id=user_id,
            address=client.address,
            session_id=session_id,
            factors=PASSWORD,
        ):
            return None
        end_sessions_of(
            tx,
            user_id,
            at=now,
            ending=Ending.PASSWORD_CHANGED,
            actor_id=user_id,
            address=client.address,
            spare=(session_id,),
        )
        means.attempts.succeeded(tx, verdict)
        renewed = renew_credentials(means, tx, session_id, expected_version=user.version + 1, now=now)
        if renewed is None:
            raise SessionEnded  # nothing of this is kept: whoever asked was no longer logged in
        return renewed

    committed = await means.commit(work, wait=wait)
    if committed.result is None:
        raise SessionEnded
    login = login_from(means, *committed.result)
    token = means.devices.issue(user_id, device_mark(login.user))
    return committed.but(login.with_device_token(token))
