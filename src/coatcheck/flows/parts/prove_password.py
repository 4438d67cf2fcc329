"""A password is proven: at login, and once more by somebody who is logged in already.

The attempt is counted before the password is looked at, and uncounted when it was right. What follows is done in a
transaction that asks ``current_user`` first, because the password may have changed while the hash was computed.
"""

from coatcheck.errors import LoginBusy, LoginRefused, SessionEnded
from coatcheck.flows.parts.means import Means
from coatcheck.flows.parts.refusals import Why, note_limit, note_refusal, refusal
from coatcheck.model.client import Client
from coatcheck.model.user import User
from coatcheck.passwords.attempts import Verdict
from coatcheck.passwords.policy import prepare
from coatcheck.stores.port import Transaction


async def prove_password(
    means: Means, user_id: str, session_id: str, password: str, *, kind: str, client: Client, field: str = "password"
) -> tuple[User, str, Verdict]:
    """Return the user, the hash that ``password`` opened, and the counted attempt.

    The transaction that follows asks ``current_user`` whether that is still the hash. ``kind`` is what the audit trail
    calls it when the password is not right, in the session ``session_id``.

    Raises LoginRefused, AttemptsExceeded, LoginBusy, SessionEnded when there is no such user any more.
    """
    prepared = prepare(password, field=field)
    user = await means.store.read(lambda tx: tx.users.get(user_id))
    if user is None:
        raise SessionEnded
    current, verdict, device = await count_attempt(
        means, user.email_key, client, kind=kind, actor_id=user_id, session_id=session_id
    )
    if current is None or current.id != user_id:
        raise SessionEnded
    stored = current.password_hash
    is_right = await is_password(means, stored, prepared, verdict, client=client, familiar=device is not None)
    if stored is None or not is_right:
        why = Why.NO_PASSWORD if stored is None else Why.WRONG_PASSWORD
        at = means.now()
        entry = refusal(kind, why, at=at, client=client, user_id=user_id, actor_id=user_id, session_id=session_id)
        await note_refusal(means, entry)
        raise LoginRefused("The password is not right.")
    return current, stored, verdict


async def count_attempt(
    means: Means, key: str, client: Client, *, kind: str, actor_id: str | None = None, session_id: str | None = None
) -> tuple[User | None, Verdict, str | None]:
    """Count an attempt on the account with canonical e-mail ``key``, and read its user.

    Also returns the known device's id, if it is one. ``kind`` is what the audit trail calls a refusal. Raises
    AttemptsExceeded, after the count was committed, and LoginBusy when nobody could look at the password now: in a
    storm of guesses most are refused before the store hears of them.
    """
    now, attempts, pool = means.now(), means.attempts, means.pool
    if client.device_token is None:
        pool.require_room(address=client.address)

    def look(tx: Transaction) -> tuple[User | None, str | None, Verdict]:
        user = tx.users.by_email_key(key)
        device = None
        if user is not None:
            device = means.devices.device_of(client.device_token, user.id, device_mark(user))
        return user, device, attempts.look(tx, account=key, device=device, address=client.address, now=now)

    def count(tx: Transaction) -> Verdict:
        return attempts.begin(tx, account=key, device=device, address=client.address, now=now)

    async def require(verdict: Verdict) -> None:
        user_id = None if user is None else user.id
        entry = refusal(
            kind,
            Why.TOO_MANY_ATTEMPTS,
            at=now,
            client=client,
            user_id=user_id,
            actor_id=actor_id,
            session_id=session_id,
        )
        await note_limit(means, verdict, entry)
        verdict.require()

    user, device, known = await means.store.read(look, needs_snapshot=False)
    await require(known)
    pool.require_room(address=client.address, familiar=device is not None)
    verdict = await attempts.begin_shared(account=key, device=device, address=client.address)
    if verdict is None:
        # Not durable: a power loss may forget the last counts, and no guess holds up what must be durable.
        verdict = await means.store.write(count, durable=False)
    await require(verdict)
    return user, verdict, device


async def is_password(
    means: Means, stored: str | None, prepared: str, verdict: Verdict, *, client: Client, familiar: bool
) -> bool:
    """Compare on a hashing thread. A password that nobody looked at, for lack of one, was no attempt.

    Raises LoginBusy.
    """
    try:
        return await means.pool.run(means.hasher.verify, stored, prepared, address=client.address, familiar=familiar)
    except LoginBusy:
        await uncount(means, verdict)
        raise


async def uncount(means: Means, verdict: Verdict) -> None:
    """Take back a counted attempt whose password was right, or never looked at, although nothing came of it."""
    await means.store.write(lambda tx: means.attempts.succeeded(tx, verdict), durable=False)


def device_mark(user: User) -> str:
    """What binds a known device to the current password: when it was set."""
    return user.password_changed_at.isoformat()


def current_user(tx: Transaction, user_id: str, verified_hash: str) -> User | None:
    """The user under lock, if the password that was proven is still the one. A change of roles alone does not matter:
    what follows is done with what is true now (rule 13)."""
    user = tx.users.lock(user_id)
    return user if user is not None and user.password_hash == verified_hash else None
