"""The front door for an application: one object that joins settings, store, flows, checker and upkeep.

It holds no rules of its own. Every verb runs its flow, makes the change hold in this process before it returns, rings
the bells for the others and, with ``wait=True``, returns a receipt when no checker anywhere accepts what was revoked
(``docs/revocation.md``, rule 14).
"""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import TypeVar

from msgspec import Struct, structs

from coatcheck.auth.api_keys import ApiKeys
from coatcheck.auth.feed import Feed
from coatcheck.auth.life import Life
from coatcheck.auth.opened import Opened
from coatcheck.auth.services import Services
from coatcheck.auth.session_data import SessionDataFace
from coatcheck.auth.verb import verb
from coatcheck.checking.cache import Remembered
from coatcheck.checking.checker import Checker
from coatcheck.clock import Clock
from coatcheck.errors import RequestNotFound, TokenInvalid
from coatcheck.flows.change_account import change_account
from coatcheck.flows.change_password import change_password
from coatcheck.flows.create_user import create_user
from coatcheck.flows.delete_user import delete_user
from coatcheck.flows.end_all_sessions import end_all_sessions
from coatcheck.flows.end_everything import end_everything
from coatcheck.flows.end_session import end_session
from coatcheck.flows.exchange_session import exchange_session
from coatcheck.flows.login import login
from coatcheck.flows.logout import Scope, logout
from coatcheck.flows.mark_compromised import mark_compromised
from coatcheck.flows.parts.means import Hook
from coatcheck.flows.parts.refusals import note_denial
from coatcheck.flows.reauthenticate import reauthenticate
from coatcheck.flows.refresh import refresh, refuse
from coatcheck.flows.register import register
from coatcheck.flows.rename import rename
from coatcheck.flows.renew_cookie import renew_cookie
from coatcheck.flows.set_password import set_password
from coatcheck.model.audit import AuditEntry
from coatcheck.model.client import Client
from coatcheck.model.expiry import is_over
from coatcheck.model.key import SigningKey
from coatcheck.model.login import Credentials, Login
from coatcheck.model.principal import CarriedBy, Kind, Principal
from coatcheck.model.receipt import Receipt
from coatcheck.model.session import Carry, Ending, Session
from coatcheck.model.subscriber import Registration
from coatcheck.model.user import User, UserStatus
from coatcheck.sessions.rotate import Standstill
from coatcheck.settings import Settings
from coatcheck.stores.port import Committed, Store
from coatcheck.tokens.jwt import verify
from coatcheck.tokens.refresh import REFRESH_START
from coatcheck.upkeep.live import LiveConnections
from coatcheck.upkeep.rotation import revoke_signing_key, rotate_keys

Result = TypeVar("Result")


class Done(Struct, frozen=True):
    """A change that was made: what became of it and, when it was waited for, the receipt."""

    user: User
    receipt: Receipt | None = None


class Auth(Life):
    """Authentication for one application.

    ``settings`` may be a database URL alone: everything else has a default that is right for development.
    ``after_register`` are the application's own steps inside the transaction that makes a user. ``name`` is what
    receipts call this process.

    Raises Misconfigured when the settings do not fit together.
    """

    def __init__(
        self,
        settings: Settings | str | None = None,
        *,
        store: Store | None = None,
        clock: Clock | None = None,
        after_register: Sequence[Hook] = (),
        name: str | None = None,
    ) -> None:
        super().__init__(settings, store=store, clock=clock, after_register=after_register, name=name)
        self.services = Services(self._opened)
        self.api_keys = ApiKeys(self._opened)
        self.feed = Feed(self._opened, self.services)
        self.session_data = SessionDataFace(self._opened)
        self.outcomes: Counter[tuple[str, str]] = Counter()
        """How logins and what is like them ended: by verb, and ``accepted`` or the error's code."""
        self.is_draining = False
        """``readyz`` says no while this is True: for whoever is about to end this process, and still serves."""

    @property
    def checker(self) -> Checker:
        """The synchronous check, without I/O. Raises Misconfigured where it is not open."""
        return self._running.checker

    @property
    def live(self) -> LiveConnections:
        """The connections of this process that outlive their check. Raises Misconfigured where it is not open."""
        return self._running.live

    @property
    def parts(self) -> Opened:
        """What runs inside, for whoever measures it; false before ``open`` or ``start``, and after ``stop``."""
        return self._opened

    # -- checking -----------------------------------------------------------------------------------------------------

    def deny_here(self, is_denied: bool = True) -> None:
        """Force ``deny`` for everything in this process, or lift it: every check answers "try again" (rule 19).

        For when nothing can be written and so nothing can be ended. It needs no database and no disk, ends nothing, and
        may be called before ``start``; after that on the event loop's thread (elsewhere ``loop.call_soon_threadsafe``).
        For some sessions, users or keys there is ``revocation.deny_list``.
        """
        self._denies_here = is_denied
        if self._opened:
            self._running.switch.throw(is_denied)

    async def check(
        self, token: bytes | str, *, carried_by: CarriedBy = CarriedBy.HEADER, audience: str | None = None
    ) -> Principal:
        """Decide about a credential; asks the store only when memory can't tell.

        Raises the CredentialRefused that fits, CheckingStale or StoreUnavailable when nothing can be decided now.
        """
        presented = token.encode(errors="replace") if isinstance(token, str) else token
        return (await self.recall(presented, carried_by, audience)).principal

    async def recall(
        self, token: bytes, carried_by: CarriedBy = CarriedBy.HEADER, audience: str | None = None
    ) -> Remembered:
        """As ``check``, with all that is remembered of the credential."""
        return await self._running.recall.check(token, carried_by, audience)

    # -- logging in ---------------------------------------------------------------------------------------------------

    @verb
    async def register(
        self,
        email: str,
        password: str,
        *,
        name: str = "",
        carry: Carry = Carry.COOKIE,
        remember: bool = False,
        audience: str | None = None,
        client: Client = Client(),
        replaces: str | None = None,
    ) -> Login:
        """Make an account and log in; ``replaces`` is the session that this client holds already and that ends.

        Raises EmailTaken, PasswordWeak, RequestInvalid, AttemptsExceeded, LoginBusy.
        """
        committed = await register(
            self._ready,
            email,
            password,
            name=name,
            carry=carry,
            remember=remember,
            audience=audience,
            client=client,
            replaces=replaces,
        )
        return await self._login(committed)

    @verb
    async def login(
        self,
        email: str,
        password: str,
        *,
        carry: Carry = Carry.COOKIE,
        remember: bool = False,
        audience: str | None = None,
        client: Client = Client(),
        replaces: str | None = None,
        wait: bool = False,
    ) -> Login:
        """Log in; ``replaces`` is the session that this client holds already and that ends.

        Raises LoginRefused, UserSuspended, SessionLimit, AttemptsExceeded, LoginBusy, RequestInvalid.
        """
        committed = await login(
            self._ready,
            email,
            password,
            carry=carry,
            remember=remember,
            audience=audience,
            client=client,
            replaces=replaces,
            wait=wait,
        )
        return await self._login(committed, wait=wait)

    @verb
    async def reauthenticate(
        self, who: Principal, password: str, *, client: Client = Client(), wait: bool = False
    ) -> Login:
        """Prove the password again; every credential of the session is renewed. Raises LoginRefused, SessionEnded."""
        committed = await reauthenticate(
            self._ready, who.require_person(), who.session_id, password, client=client, wait=wait
        )
        return await self._login(committed, wait=wait)

    @verb
    async def change_password(
        self, who: Principal, *, current: str, new: str, client: Client = Client(), wait: bool = False
    ) -> Login:
        """Replace the password; every other session ends. Raises LoginRefused, PasswordWeak, SessionEnded."""
        committed = await change_password(
            self._ready, who.require_person(), who.session_id, current=current, new=new, client=client, wait=wait
        )
        return await self._login(committed, wait=wait)

    @verb
    async def refresh(self, refresh_token: str, *, audience: str | None = None, client: Client = Client()) -> Login:
        """Exchange a refresh token. Raises TokenInvalid, TokenReplayed (the session has been ended), SessionEnded,
        SessionExpired."""
        if self._running.replica.is_denying:
            # Before anything is exchanged: when it is lifted, the token that was shown here would be a replay.
            session = await self.get_session(self._ready.refresh_tokens.read(refresh_token.encode()).session_id)
            if session is not None:
                self._running.checker.require_not_denied(session.id, session.user_id)
        committed = await refresh(self._ready, refresh_token, audience=audience, client=client)
        await self._enforce(committed, wait=False)
        outcome = committed.result
        if isinstance(outcome, Standstill):
            raise refuse(outcome)
        return outcome

    async def exchange_session(
        self, held: Remembered, *, audience: str | None = None, until: datetime | None = None
    ) -> Credentials:
        """An access token for the holder of a credential which ``recall`` found good; it expires no later than
        ``until``. Raises SessionEnded, RequestInvalid."""
        generation = held.credential.generation
        return await exchange_session(self._ready, held.session_id, generation, audience=audience, until=until)

    async def renew_cookie(self, session_id: str, presented_digest: bytes) -> Login | None:
        """Replace a cookie's secret in passing; None when another request was first."""
        return await renew_cookie(self._ready, session_id, presented_digest)

    # -- ending -------------------------------------------------------------------------------------------------------

    async def logout(
        self, who: Principal, *, scope: Scope = Scope.THIS, client: Client = Client(), wait: bool = False
    ) -> Receipt | None:
        """End the caller's session, all others, or all; idempotent."""
        committed = await logout(
            self._ready, who.require_person(), who.session_id, scope=scope, client=client, wait=wait
        )
        return await self._enforce(committed, wait=wait)

    def session_named_by(self, token: bytes | str) -> str | None:
        """The session that a genuine access or refresh token belongs to, though its own time may be over; else None.

        Enough to end that session, and for nothing else.
        """
        presented = token.encode(errors="replace") if isinstance(token, str) else token
        with suppress(TokenInvalid):
            if presented.startswith(REFRESH_START):
                return self._ready.refresh_tokens.read(presented).session_id
            return verify(presented, self._running.keys.get).claims.sid
        return None

    async def logout_named(self, session_id: str, *, client: Client = Client(), wait: bool = False) -> Receipt | None:
        """End the session that a token named, on behalf of whoever held it; idempotent."""
        session = await self.get_session(session_id)
        if session is None or session.kind is not Kind.USER:
            return None
        committed = await logout(self._ready, session.user_id, session_id, scope=Scope.THIS, client=client, wait=wait)
        return await self._enforce(committed, wait=wait)

    async def barrier(self) -> Receipt:
        """Wait until whatever has been committed so far holds everywhere; the receipt says so."""
        committed = await self._ready.commit(lambda _: None, wait=True)
        return await self._running.enforcer.confirm(committed.events, committed.position)

    async def end_session(
        self,
        user_id: str,
        session_id: str,
        *,
        actor_id: str | None = None,
        ending: Ending = Ending.ENDED_BY_USER,
        client: Client = Client(),
        wait: bool = False,
    ) -> Receipt | None:
        """End one session of a user. Raises RequestNotFound when it is not this user's."""
        committed = await end_session(
            self._ready, user_id, session_id, actor_id=actor_id, ending=ending, client=client, wait=wait
        )
        return await self._enforce(committed, wait=wait)

    async def logout_everywhere(
        self, user_id: str, *, actor_id: str | None = None, client: Client = Client(), wait: bool = False
    ) -> Receipt | None:
        """End every session of a user, named by id. Raises RequestNotFound when there is no such user."""
        committed = await end_all_sessions(self._ready, user_id, actor_id=actor_id, client=client, wait=wait)
        return await self._enforce(committed, wait=wait)

    async def end_everything(
        self,
        *,
        reason: str,
        actor_id: str | None = None,
        client: Client = Client(),
        spare_feeds: bool = True,
        wait: bool = False,
    ) -> Receipt | None:
        """End every session there is, and every API key. Services that follow the feed keep their credentials unless
        ``spare_feeds`` is False: then they hear of nothing until they are given new ones. Raises DataConflict."""
        committed = await end_everything(
            self._ready, reason=reason, actor_id=actor_id, client=client, spare_feeds=spare_feeds, wait=wait
        )
        return await self._enforce(committed, wait=wait)

    # -- people -------------------------------------------------------------------------------------------------------

    async def create_user(
        self,
        email: str,
        password: str | None = None,
        *,
        name: str = "",
        roles: tuple[str, ...] = (),
        actor_id: str | None = None,
        client: Client = Client(),
    ) -> User:
        """Make an account on somebody's behalf. Raises EmailTaken, PasswordWeak, RequestInvalid, LoginBusy."""
        return await create_user(self._ready, email, password, name=name, roles=roles, actor_id=actor_id, client=client)

    async def get_user(self, user_id: str) -> User | None:
        """The user, or None."""
        return await self.store.read(lambda tx: tx.users.get(user_id))

    async def require_user(self, user_id: str) -> User:
        """The user. Raises RequestNotFound."""
        user = await self.get_user(user_id)
        if user is None:
            raise RequestNotFound
        return user

    async def find_users(
        self, *, status: UserStatus | None = None, query: str = "", after: str | None = None, limit: int = 50
    ) -> Sequence[User]:
        """A page of users, after the one with id ``after``; ``query`` is a part of the e-mail or the name."""
        return await self.store.read(lambda tx: tx.users.page(status=status, query=query, after=after, limit=limit))

    async def rename(self, user_id: str, name: str) -> User:
        """Set the name that is shown. Raises RequestInvalid."""
        return await rename(self._ready, user_id, name)

    async def change_account(
        self,
        user_id: str,
        *,
        roles: tuple[str, ...] | None = None,
        status: UserStatus | None = None,
        actor_id: str | None = None,
        client: Client = Client(),
        wait: bool = False,
    ) -> Done:
        """Replace roles and status at once; None leaves as it is. Raises as ``set_roles`` and ``suspend`` do."""
        committed = await change_account(
            self._ready, user_id, roles=roles, status=status, actor_id=actor_id, client=client, wait=wait
        )
        return await self._done(committed, wait)

    async def set_roles(
        self,
        user_id: str,
        roles: tuple[str, ...],
        *,
        actor_id: str | None = None,
        client: Client = Client(),
        wait: bool = False,
    ) -> Done:
        """Replace a user's roles. Raises RequestNotFound, RequestInvalid, DataConflict for the last administrator."""
        return await self.change_account(user_id, roles=roles, actor_id=actor_id, client=client, wait=wait)

    async def suspend(
        self, user_id: str, *, actor_id: str | None = None, client: Client = Client(), wait: bool = False
    ) -> Done:
        """Suspend a user and end every session. Raises RequestNotFound, DataConflict for the last administrator."""
        return await self.change_account(
            user_id, status=UserStatus.SUSPENDED, actor_id=actor_id, client=client, wait=wait
        )

    async def restore(
        self, user_id: str, *, actor_id: str | None = None, client: Client = Client(), wait: bool = False
    ) -> Done:
        """Let a suspended user log in again. Raises RequestNotFound."""
        return await self.change_account(user_id, status=UserStatus.ACTIVE, actor_id=actor_id, client=client, wait=wait)

    async def mark_compromised(
        self,
        user_id: str,
        *,
        reason: str,
        actor_id: str | None = None,
        client: Client = Client(),
        wait: bool = False,
    ) -> Done:
        """End every session of a user and void the password. Raises RequestNotFound."""
        committed = await mark_compromised(
            self._ready, user_id, reason=reason, actor_id=actor_id, client=client, wait=wait
        )
        return await self._done(committed, wait)

    async def set_password(
        self, user_id: str, password: str, *, actor_id: str | None = None, client: Client = Client(), wait: bool = False
    ) -> Done:
        """Give an account another password and end every session. Raises RequestNotFound, PasswordWeak."""
        committed = await set_password(self._ready, user_id, password, actor_id=actor_id, client=client, wait=wait)
        return await self._done(committed, wait)

    async def delete_user(
        self, user_id: str, *, actor_id: str | None = None, client: Client = Client(), wait: bool = False
    ) -> Receipt | None:
        """End every session of a user and delete the account. Raises RequestNotFound, DataConflict."""
        committed = await delete_user(self._ready, user_id, actor_id=actor_id, client=client, wait=wait)
        return await self._enforce(committed, wait=wait)

    # -- looking ------------------------------------------------------------------------------------------------------

    async def sessions_of(self, user_id: str) -> Sequence[Session]:
        """The user's live sessions, newest first, with what this process knows of when each was last seen."""
        now = self._ready.now()
        flush = self.settings.sessions.flush_touches_every
        live = await self.store.read(lambda tx: tx.sessions.live_of(user_id))
        seen = self._running.checker.last_seen
        current = [structs.replace(session, seen_at=seen(session.id, session.seen_at)) for session in live]
        return [session for session in current if not is_over(now, session, flush)]

    async def get_session(self, session_id: str) -> Session | None:
        """The session, ended ones too, or None."""
        return await self.store.read(lambda tx: tx.sessions.get(session_id))

    async def subscribers(self) -> Sequence[Registration]:
        """The processes that check credentials."""
        return await self.store.read_registry(lambda registry: registry.all())

    async def audit(
        self,
        *,
        user_id: str | None = None,
        kind: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> Sequence[AuditEntry]:
        """A page of the audit trail, newest first, before the entry with id ``before``; from ``since`` on, before
        ``until``."""
        return await self.store.read(
            lambda tx: tx.audit.page(user_id=user_id, kind=kind, since=since, until=until, before=before, limit=limit)
        )

    async def note_denied(self, who: Principal, what: str, *, client: Client = Client()) -> None:
        """Write into the audit trail that ``who`` asked for ``what`` without leave; once an hour for each person, so
        that nobody can fill it."""
        if who.user_id is not None:
            await note_denial(self._ready, who.user_id, who.session_id, what, client)

    # -- keys ---------------------------------------------------------------------------------------------------------

    async def keys(self) -> Sequence[SigningKey]:
        """The signing keys that are not revoked, oldest first."""
        return await self.store.read(lambda tx: tx.keys.all())

    async def rotate_keys(self, *, actor_id: str | None = None, wait: bool = False) -> Receipt | None:
        """Let the upcoming key take over now, if it has been known for long enough to sign."""
        now = self._ready.now
        committed = await self._ready.commit(
            lambda tx: rotate_keys(tx, self._secrets, self.settings, now=now, at_once=True, actor_id=actor_id),
            wait=wait,
        )
        return await self._enforce(committed, wait=wait)

    async def revoke_key(
        self, kid: str, *, reason: str, actor_id: str | None = None, wait: bool = False
    ) -> Receipt | None:
        """Revoke a signing key at once; the upcoming one takes over. Raises RequestNotFound."""
        now = self._ready.now
        committed = await self._ready.commit(
            lambda tx: revoke_signing_key(
                tx, self._secrets, self.settings, kid, now=now, actor_id=actor_id, reason=reason
            ),
            wait=wait,
        )
        if not committed.result and await self.store.read(lambda tx: tx.keys.get(kid)) is None:
            raise RequestNotFound
        return await self._enforce(committed, wait=wait)

    # -- inside -------------------------------------------------------------------------------------------------------

    async def _enforce(self, committed: Committed[Result], *, wait: bool) -> Receipt | None:
        return await self._opened.enforce(committed, wait=wait)

    async def _login(self, committed: Committed[Login], *, wait: bool = False) -> Login:
        receipt = await self._enforce(committed, wait=wait)
        self._running.checker.require_not_denied(committed.result.session.id, committed.result.user.id)
        return structs.replace(committed.result, receipt=receipt)

    async def _done(self, committed: Committed[User], wait: bool) -> Done:
        return Done(committed.result, await self._enforce(committed, wait=wait))
