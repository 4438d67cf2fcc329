"""A stranger makes an account and is logged in."""

from collections.abc import Callable
from typing import Final

from coatcheck.errors import EmailTaken
from coatcheck.flows.parts.credentials import login_from, mint
from coatcheck.flows.parts.means import Means
from coatcheck.flows.parts.new_session import new_session, require_audience
from coatcheck.flows.parts.new_user import add_user, compose_user
from coatcheck.flows.parts.prove_password import device_mark
from coatcheck.flows.parts.refusals import Why, note_limit, refusal
from coatcheck.model.client import Client
from coatcheck.model.email import parse_email
from coatcheck.model.identifiers import SESSION, new_identifier
from coatcheck.model.login import Login
from coatcheck.model.session import Carry, Ending
from coatcheck.passwords.attempts import Verdict
from coatcheck.sessions.end import end_session
from coatcheck.sessions.grant import Grant
from coatcheck.sessions.open import open_session
from coatcheck.stores.port import Committed, Transaction

REFUSED: Final = "registration.failed"


async def register(
    means: Means,
    email: str,
    password: str,
    *,
    name: str = "",
    carry: Carry = Carry.COOKIE,
    remember: bool = False,
    audience: str | None = None,
    client: Client,
    replaces: str | None = None,
) -> Committed[Login]:
    """Make an account and open its first session in the same transaction.

    ``replaces`` is the session that this client holds already; it ends (OWASP ASVS 7.2.4).

    Raises EmailTaken, PasswordWeak, RequestInvalid, AttemptsExceeded (registrations count against the network address,
    successful ones too), LoginBusy.
    """
    require_audience(means, audience)
    await _count(means, email, client)
    user = await compose_user(means, email, password, name=name, roles=(), client=client)
    session_id = new_identifier(SESSION)
    secret = mint(means, carry, session_id, step=1)

    def work(tx: Transaction) -> Grant | None:
        if not add_user(means, tx, user, actor_id=user.id, client=client, session_id=session_id):
            holder = tx.users.by_email_key(user.email_key)
            holder_id = None if holder is None else holder.id
            tx.audit.add(refusal(REFUSED, Why.EMAIL_TAKEN, at=user.created_at, client=client, user_id=holder_id))
            return None
        head = tx.log.head()
        session = new_session(
            means,
            user,
            session_id=session_id,
            secret=secret,
            carry=carry,
            remember=remember,
            audience=audience,
            client=client,
            everything_generation=head.everything_generation,
            now=user.created_at,
        )
        granted = open_session(tx, session, user, head.position)
        if replaces is not None:
            end_session(
                tx, replaces, at=user.created_at, ending=Ending.LOGOUT, actor_id=user.id, address=client.address
            )
        return granted

    committed = await means.commit(work)
    if committed.result is None:
        raise EmailTaken
    token = means.devices.issue(user.id, device_mark(user))
    return committed.but(login_from(means, committed.result, secret.text).with_device_token(token))


async def _count(means: Means, email: str, client: Client) -> None:
    """Count a registration before its password is hashed. It has a budget apart from the account's logins. One that
    can't be hashed now is refused before the store hears of it."""
    means.pool.require_room(address=client.address)
    account, now = f"register {parse_email(email).key}", means.now()

    def work(tx: Transaction, judge: Callable[..., Verdict]) -> Verdict:
        return judge(tx, account=account, device=None, address=client.address, now=now)

    async def require(verdict: Verdict) -> None:
        entry = refusal(REFUSED, Why.TOO_MANY_ATTEMPTS, at=now, client=client, user_id=None)
        await note_limit(means, verdict, entry)
        verdict.require()

    await require(await means.store.read(lambda tx: work(tx, means.attempts.look), needs_snapshot=False))
    counted = await means.attempts.begin_shared(account=account, device=None, address=client.address)
    if counted is None:
        counted = await means.store.write(lambda tx: work(tx, means.attempts.begin), durable=False)
    await require(counted)
