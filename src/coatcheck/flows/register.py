"""A stranger makes an account and is logged in; or an administrator makes one for somebody."""

from collections.abc import Callable
from datetime import datetime

from coatcheck.errors import EmailTaken, FieldError, RequestInvalid
from coatcheck.flows.begin import new_session, require_audience
from coatcheck.flows.credentials import Login, login_from, mint
from coatcheck.flows.means import Committed, Means
from coatcheck.model.audit import AuditEntry
from coatcheck.model.client import Client
from coatcheck.model.email import Email, parse_email
from coatcheck.model.identifiers import SESSION, USER, new_identifier
from coatcheck.model.roles import check_roles
from coatcheck.model.session import Carry
from coatcheck.model.user import User
from coatcheck.passwords.attempts import Verdict
from coatcheck.passwords.policy import check_new, prepare
from coatcheck.sessions.grant import Grant
from coatcheck.sessions.open import open_session
from coatcheck.stores.port import Transaction

LONGEST_NAME = 100


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
) -> Committed[Login]:
    """Make an account and open its first session in the same transaction.

    Raises EmailTaken, PasswordWeak, RequestInvalid, AttemptsExceeded (registrations count against the network address,
    successful ones too), LoginBusy.
    """
    require_audience(means, audience)
    await _count(means, email, client)
    user = await _compose(means, email, password, name=name, roles=(), client=client)
    session_id = new_identifier(SESSION)
    secret = mint(means, carry, session_id, step=1)

    def work(tx: Transaction) -> Grant | None:
        if not _add(means, tx, user, actor_id=user.id, client=client):
            return None
        session = new_session(
            means,
            user,
            session_id=session_id,
            secret=secret,
            carry=carry,
            remember=remember,
            audience=audience,
            client=client,
            everything_generation=tx.log.head().everything_generation,
            now=user.created_at,
        )
        return open_session(tx, session, expected_version=user.version)

    committed = await means.commit(work)
    if committed.result is None:
        raise EmailTaken
    token = means.devices.issue(user.id, user.password_changed_at.isoformat())
    return committed.but(login_from(means, committed.result, secret.text).with_device_token(token))


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
    user = await _compose(means, email, password, name=name, roles=roles, client=client)
    if not await means.store.write(lambda tx: _add(means, tx, user, actor_id=actor_id, client=client)):
        raise EmailTaken
    return user


async def _count(means: Means, email: str, client: Client) -> None:
    """Count a registration before its password is hashed. It has a budget apart from the account's logins."""
    account, now = f"register {parse_email(email).key}", means.now()

    def work(tx: Transaction, judge: Callable[..., Verdict]) -> Verdict:
        return judge(tx, account=account, device=None, address=client.address, now=now)

    (await means.store.read(lambda tx: work(tx, means.attempts.look))).require()
    (await means.store.write(lambda tx: work(tx, means.attempts.begin), durable=False)).require()


async def _compose(
    means: Means, email: str, password: str | None, *, name: str, roles: tuple[str, ...], client: Client
) -> User:
    parsed = parse_email(email)
    check_name(name)
    check_roles(roles)
    password_hash = None
    if password is not None:
        prepared = prepare(password)
        check_new(prepared, means.settings.passwords, about=words_about(means, parsed, name))
        password_hash = await means.pool.run(means.hasher.hash, prepared, address=client.address)
    now = means.now()
    return User(
        id=new_identifier(USER),
        email=parsed.address,
        email_key=parsed.key,
        name=name.strip(),
        password_hash=password_hash,
        roles=tuple(sorted(set(roles))),
        created_at=now,
        password_changed_at=now,
    )


def words_about(means: Means, email: Email, name: str) -> tuple[str, ...]:
    """What a password must not consist of: the person's and the site's own words (OWASP ASVS 6.2.11)."""
    return (name, email.address, means.settings.web.site_name)


def check_name(name: str) -> None:
    """Raises RequestInvalid for a name that is too long or holds control characters."""
    if len(name) > LONGEST_NAME or not all(character.isprintable() for character in name):
        raise RequestInvalid([FieldError("name", f"A name has up to {LONGEST_NAME} visible characters.")])


def _add(means: Means, tx: Transaction, user: User, *, actor_id: str | None, client: Client) -> bool:
    if not tx.users.add(user):
        return False
    for hook in means.after_register:
        hook(tx, user)
    _note(tx, user, actor_id, client, user.created_at)
    return True


def _note(tx: Transaction, user: User, actor_id: str | None, client: Client, now: datetime) -> None:
    tx.audit.add(AuditEntry(at=now, kind="user.registered", user_id=user.id, actor_id=actor_id, address=client.address))
