"""A person proves the password and gets a session.

Unknown e-mail, wrong password and an account without one look the same and take the same work (OWASP ASVS 6.3.8). The
attempt is counted before the password is looked at, and uncounted when it was right. The hash is computed outside any
transaction; the session is opened only if the password hash is still the one that was verified (rule 13).
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from msgspec import structs

from coatcheck.errors import LoginBusy, LoginRefused, SessionLimit, UserSuspended
from coatcheck.flows.parts.credentials import login_from, mint
from coatcheck.flows.parts.means import Means
from coatcheck.flows.parts.new_session import new_session, require_audience
from coatcheck.flows.parts.prove_password import count_attempt, current_user, device_mark, is_password, uncount
from coatcheck.flows.parts.refusals import Why, note_refusal, refusal
from coatcheck.model.audit import AuditEntry
from coatcheck.model.client import Client
from coatcheck.model.email import parse_email
from coatcheck.model.identifiers import SESSION, new_identifier
from coatcheck.model.login import Login
from coatcheck.model.session import Carry, Ending, Session
from coatcheck.model.user import User, UserStatus
from coatcheck.passwords.attempts import Verdict
from coatcheck.passwords.policy import prepare
from coatcheck.sessions.end import end_session, lock_people
from coatcheck.sessions.grant import Grant
from coatcheck.sessions.open import open_session
from coatcheck.stores.port import Committed, Transaction

REFUSED: Final = "login.failed"


async def login(
    means: Means,
    email: str,
    password: str,
    *,
    carry: Carry = Carry.COOKIE,
    remember: bool = False,
    audience: str | None = None,
    client: Client,
    replaces: str | None = None,
    wait: bool = False,
) -> Committed[Login]:
    """Log in. ``replaces`` is the session this client holds already; it ends (OWASP ASVS 7.2.4).

    Raises LoginRefused, UserSuspended and SessionLimit (after the right password only), AttemptsExceeded, LoginBusy,
    RequestInvalid.
    """
    require_audience(means, audience)
    key, prepared = parse_email(email).key, prepare(password)
    user, verdict, device = await count_attempt(means, key, client, kind=REFUSED)
    opening = _Opening(means, verdict, carry, remember, audience, client, replaces, wait)
    for _ in range(2):  # once more, should the password hash have been upgraded by a login at the same moment
        stored = user.password_hash if user is not None else None
        is_right = await is_password(means, stored, prepared, verdict, client=client, familiar=device is not None)
        if user is None or stored is None or not is_right:
            break
        rehashed = await _rehash(means, stored, prepared, client)
        committed = await opening.attempt(user.id, stored, rehashed)
        if committed is not None:
            token = means.devices.at_login(client.device_token, user.id, device_mark(committed.result.user))
            return committed if token is None else committed.but(committed.result.with_device_token(token))
        user = await means.store.read(lambda tx: tx.users.by_email_key(key))
    await note_refusal(means, _refusal(user, _why(user), client, means.now()))
    raise LoginRefused


@dataclass(frozen=True, slots=True)
class _Opening:
    """The second half of a login: everything after the password was right."""

    means: Means
    verdict: Verdict
    carry: Carry
    remember: bool
    audience: str | None
    client: Client
    replaces: str | None
    wait: bool

    async def attempt(self, user_id: str, verified: str, rehashed: str | None) -> Committed[Login] | None:
        """Open the session; None when the password is no longer the one that was ``verified``.

        Raises UserSuspended, SessionLimit.
        """
        means, client = self.means, self.client
        session_id = new_identifier(SESSION)
        secret = mint(means, self.carry, session_id, step=1)
        now = means.now()

        def work(tx: Transaction) -> Grant | UserStatus | None:
            if self.replaces is not None:
                lock_people(tx, user_id, self.replaces)
            user = current_user(tx, user_id, verified)
            if user is None:
                return None
            if user.status is not UserStatus.ACTIVE:
                means.attempts.succeeded(tx, self.verdict)
                tx.audit.add(_refusal(user, Why.SUSPENDED, client, now))
                return user.status
            if rehashed is not None:
                user = structs.replace(user, password_hash=rehashed)
                tx.users.save(user, expected_version=user.version)
            head = tx.log.head()
            session = new_session(
                means,
                user,
                session_id=session_id,
                secret=secret,
                carry=self.carry,
                remember=self.remember,
                audience=self.audience,
                client=client,
                everything_generation=head.everything_generation,
                now=now,
            )
            if self.replaces is not None:
                end_session(tx, self.replaces, at=now, ending=Ending.LOGOUT, actor_id=user_id, address=client.address)
            granted = open_session(tx, session, user, head.position, limits=means.settings.sessions)
            tx.audit.add(_success(session, client))
            means.attempts.succeeded(tx, self.verdict)  # last: who shares the address waits for this row
            return granted

        try:
            committed = await means.commit(work, wait=self.wait)
        except SessionLimit:  # the password was right all the same
            await uncount(means, self.verdict)
            person = await means.store.read(lambda tx: tx.users.get(user_id))
            await note_refusal(means, _refusal(person, Why.SESSION_LIMIT, client, now))
            raise
        granted = committed.result
        if isinstance(granted, UserStatus):
            raise UserSuspended
        if granted is None:
            return None
        return committed.but(login_from(means, granted, secret.text))


async def _rehash(means: Means, stored: str, prepared: str, client: Client) -> str | None:
    if not means.hasher.needs_rehash(stored):
        return None
    with suppress(LoginBusy):  # the old hash does for now; another login will try again
        return await means.pool.run(means.hasher.hash, prepared, address=client.address, familiar=True)
    return None


def _success(session: Session, client: Client) -> AuditEntry:
    return AuditEntry(
        at=session.created_at,
        kind="login.succeeded",
        user_id=session.user_id,
        actor_id=session.user_id,
        session_id=session.id,
        address=client.address,
        factors=session.amr,
        detail={"device": session.device, "carry": session.carry.value},
    )


def _why(user: User | None) -> Why:
    if user is None:
        return Why.UNKNOWN_ACCOUNT
    return Why.NO_PASSWORD if user.password_hash is None else Why.WRONG_PASSWORD


def _refusal(user: User | None, why: Why, client: Client, now: datetime) -> AuditEntry:
    return refusal(REFUSED, why, at=now, client=client, user_id=None if user is None else user.id)
