"""A checker over a memory store, with clocks that are moved by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

from coatcheck.authority import Found, LookUp
from coatcheck.checking.cache import Cache
from coatcheck.checking.checker import Checker
from coatcheck.checking.keys import CheckingKeys
from coatcheck.checking.recall import Policy, Recall
from coatcheck.errors import StoreUnavailable
from coatcheck.flows.parts.credentials import login_from, mint
from coatcheck.flows.parts.means import Means
from coatcheck.flows.parts.new_session import new_session
from coatcheck.model.client import Client
from coatcheck.model.event import SessionEnded
from coatcheck.model.identifiers import SESSION, new_identifier
from coatcheck.model.key import Algorithm
from coatcheck.model.login import Login
from coatcheck.model.session import Carry, Ending
from coatcheck.model.user import User
from coatcheck.passwords.attempts import Attempts
from coatcheck.passwords.devices import DeviceTokens
from coatcheck.revocation.lease import Lease
from coatcheck.revocation.replica import Replica
from coatcheck.revocation.subscriber import Subscriber
from coatcheck.sessions.end import end_session
from coatcheck.sessions.open import open_session
from coatcheck.settings import Settings, TokenSettings
from coatcheck.stores.authority import StoreAuthority
from coatcheck.stores.memory.store import MemoryStore
from coatcheck.testing import ManualClock
from coatcheck.tokens.api_key import API_KEY_PREFIX, SERVICE_SECRET_PREFIX, KeyTokens
from coatcheck.tokens.derivation import Secrets
from coatcheck.tokens.opaque import SESSION_PREFIX, OpaqueTokens
from coatcheck.tokens.refresh import RefreshTokens
from coatcheck.tokens.signers import Signers
from coatcheck.upkeep.rotation import rotate_keys

SECRETS = Secrets(["a secret that only these tests know of"])
SETTINGS = Settings(database="memory:", tokens=TokenSettings(algorithm=Algorithm.ES256, audiences=("orders",)))


class Site:
    """A store with one user, and one process that checks."""

    def __init__(self, policy: Policy = Policy.ONLINE, accept_for: timedelta = timedelta(minutes=1)) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore()
        self.signers = Signers(SECRETS)
        self.means = Means(
            store=self.store,
            settings=SETTINGS,
            clock=self.clock,
            hasher=None,  # type: ignore[arg-type]  # nobody types a password here
            pool=None,  # type: ignore[arg-type]
            attempts=Attempts(SETTINGS.attempts),
            devices=DeviceTokens(SECRETS.current("device token").key),
            session_tokens=OpaqueTokens(SESSION_PREFIX, SECRETS),
            refresh_tokens=RefreshTokens(SECRETS),
            api_keys=KeyTokens(API_KEY_PREFIX, SECRETS),
            service_secrets=KeyTokens(SERVICE_SECRET_PREFIX, SECRETS),
            signers=self.signers,
        )
        self.replica = Replica(1000)
        self.subscriber = Subscriber(self.replica, Lease())
        self.authority = StoreAuthority(self.store, self.means.now)
        self.checker = Checker(
            replica=self.replica,
            lease=self.subscriber.lease,
            cache=Cache(b"k" * 32, 100),
            keys=CheckingKeys(self.replica, self.signers.secret_of),
            session_tokens=self.means.session_tokens,
            wall=self.clock.wall,
            steady=self.clock.steady,
            issuer=SETTINGS.issuer,
            audience=SETTINGS.issuer,
            cache_for=SETTINGS.tokens.access_for,
            leeway=SETTINGS.tokens.leeway,
            grace=SETTINGS.sessions.grace,
            flush_interval=SETTINGS.sessions.flush_touches_every,
        )
        self.asked: list[tuple[LookUp, bool]] = []
        self.is_reachable = True
        self.recall = Recall(
            self.checker, look_up=self._look_up, learn_keys=self._learn_keys, policy=policy, accept_for=accept_for
        )
        now = self.means.now()
        self.user = User(
            id=new_identifier("usr"),
            email="ada@example.com",
            email_key="ada@example.com",
            roles=("editor",),
            created_at=now,
            password_changed_at=now,
        )
        self.store.transact(lambda tx: tx.users.add(self.user))
        self.store.transact(lambda tx: rotate_keys(tx, SECRETS, SETTINGS, now=lambda: now))

    async def _look_up(self, asked: LookUp, fresh: bool) -> Found:
        if not self.is_reachable:
            raise StoreUnavailable
        self.asked.append((asked, fresh))
        return await self.authority.look_up(asked)

    async def _learn_keys(self) -> bool:
        if self.is_reachable:
            await self.sync()
        return self.is_reachable

    async def sync(self) -> None:
        """Register where needed, and take a lease."""
        if self.subscriber.registration is None:
            self.subscriber.registered(await self.authority.register("here", None))
        flight = self.subscriber.ask(self.clock.steady(), self.clock.wall())
        self.subscriber.hear(flight, await self.authority.sync(flight.question))

    def log_in(self, carry: Carry = Carry.COOKIE, **changes: Any) -> Login:
        """Open a session in the store."""
        session_id = new_identifier(SESSION)
        secret = mint(self.means, carry, session_id, step=1)
        session = new_session(
            self.means,
            self.user,
            session_id=session_id,
            secret=secret,
            carry=carry,
            remember=False,
            audience=changes.get("audience"),
            client=Client(),
            everything_generation=1,
            now=self.means.now(),
        )
        granted = self.store.transact(
            lambda tx: open_session(tx, session, tx.users.get(self.user.id), tx.log.head().position)
        )
        return login_from(self.means, granted, secret.text)

    def end(self, login: Login) -> None:
        """End it in the store, without telling this process."""
        now = datetime.fromtimestamp(self.clock.wall(), UTC)
        self.store.transact(lambda tx: end_session(tx, login.session.id, at=now, ending=Ending.LOGOUT, actor_id=None))

    def heed_end(self, login: Login) -> None:
        """End it and apply that at home."""
        self.end(login)
        position = self.store.view(lambda tx: tx.log.head()).position
        self.replica.heed(SessionEnded(login.session.id), position)


def cookie(login: Login) -> bytes:
    return (login.credentials.session_token or "").encode()


def jwt(login: Login) -> bytes:
    return (login.credentials.access_token or "").encode()
