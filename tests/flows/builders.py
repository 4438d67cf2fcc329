"""What flows work with, over a memory store, with a clock that stands still and quick hashing, without an ``Auth``."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar

from coatcheck.flows.create_user import create_user
from coatcheck.flows.login import login
from coatcheck.flows.parts.means import Hook, Means
from coatcheck.model.audit import AuditEntry
from coatcheck.model.client import Client
from coatcheck.model.key import Algorithm
from coatcheck.model.login import Login
from coatcheck.model.session import Carry, Session
from coatcheck.model.user import User
from coatcheck.passwords.argon2 import PasswordHasher
from coatcheck.passwords.attempts import Attempts
from coatcheck.passwords.devices import DeviceTokens
from coatcheck.passwords.pool import HashingPool
from coatcheck.settings import Settings, TokenSettings
from coatcheck.stores.memory.store import MemoryStore
from coatcheck.stores.port import Transaction
from coatcheck.testing import ManualClock, fast_passwords
from coatcheck.tokens.api_key import API_KEY_PREFIX, SERVICE_SECRET_PREFIX, KeyTokens
from coatcheck.tokens.derivation import Secrets
from coatcheck.tokens.opaque import SESSION_PREFIX, OpaqueTokens
from coatcheck.tokens.refresh import RefreshTokens
from coatcheck.tokens.signers import Signers
from coatcheck.upkeep.rotation import rotate_keys

Result = TypeVar("Result")

CLIENT = Client(address="203.0.113.7", device="A test")
PASSWORD = "three quiet herons wade"
NEW = "four low grey stones"
SECRETS = Secrets(["a secret that only these tests know of"])


class Place:
    """A store, its people, and the means of a flow."""

    def __init__(self, *hooks: Hook, **settings: Any) -> None:
        chosen = {"passwords": fast_passwords(), "tokens": TokenSettings(algorithm=Algorithm.ES256), **settings}
        self.settings = Settings(database="memory:", **chosen)
        self.clock = ManualClock()
        self.store = MemoryStore()
        self.pool = HashingPool(self.settings.passwords)
        self.means = Means(
            store=self.store,
            settings=self.settings,
            clock=self.clock,
            hasher=PasswordHasher(self.settings.passwords),
            pool=self.pool,
            attempts=Attempts(self.settings.attempts),
            devices=DeviceTokens(SECRETS.current("device token").key),
            session_tokens=OpaqueTokens(SESSION_PREFIX, SECRETS),
            refresh_tokens=RefreshTokens(SECRETS),
            api_keys=KeyTokens(API_KEY_PREFIX, SECRETS),
            service_secrets=KeyTokens(SERVICE_SECRET_PREFIX, SECRETS),
            signers=Signers(SECRETS),
            after_register=hooks,
        )
        self.store.transact(lambda tx: rotate_keys(tx, SECRETS, self.settings, now=lambda: self.clock.now))

    async def user(self, email: str = "ann@example.com", *roles: str) -> User:
        """Make an account whose password is ``PASSWORD``."""
        return await create_user(self.means, email, PASSWORD, roles=roles, actor_id=None, client=CLIENT)

    async def log_in(
        self, email: str = "ann@example.com", password: str = PASSWORD, *, carry: Carry = Carry.COOKIE
    ) -> Login:
        """Log in, with the password."""
        return (await login(self.means, email, password, carry=carry, client=CLIENT)).result

    def see(self, work: Callable[[Transaction], Result]) -> Result:
        """Read the store."""
        return self.store.view(work)

    def now_of(self, user: User) -> User | None:
        """The user as the store has it now."""
        return self.see(lambda tx: tx.users.get(user.id))

    def session(self, login: Login) -> Session:
        """The session of a login as the store has it now."""
        found = self.see(lambda tx: tx.sessions.get(login.session.id))
        assert found is not None
        return found

    def audit(self, kind: str) -> list[AuditEntry]:
        """What the audit trail has of one kind, newest first."""
        return list(self.see(lambda tx: tx.audit.page(user_id=None, kind=kind, before=None, limit=50)))

    def meanwhile(self, deed: Callable[[], Awaitable[object]], *, hashes: int = 1) -> Means:
        """The means of a flow that is overtaken: ``deed`` is done when its hash number ``hashes`` has been computed."""
        return replace(self.means, pool=_Overtaken(self.pool, deed, hashes))  # type: ignore[arg-type]


class _Overtaken:
    def __init__(self, pool: HashingPool, deed: Callable[[], Awaitable[object]], hashes: int) -> None:
        self._pool, self._deed, self._left = pool, deed, hashes
        self.require_room = pool.require_room

    async def run(self, function: Callable[..., Any], *args: Any, **more: Any) -> Any:
        """As the pool does; then the deed, before the flow goes on."""
        outcome = await self._pool.run(function, *args, **more)
        self._left -= 1
        if self._left == 0:
            await self._deed()
        return outcome
