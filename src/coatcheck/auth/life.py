"""From ``start`` to ``stop``: what an Auth is joined of, in which order it opens, and what it refuses to open."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Self

from coatcheck.auth.opened import Opened, Parts
from coatcheck.authority import Authority
from coatcheck.clock import Clock, SystemClock
from coatcheck.errors import Misconfigured
from coatcheck.flows.parts.means import Hook, Means
from coatcheck.model.receipt import Receipt
from coatcheck.passwords.argon2 import PasswordHasher
from coatcheck.passwords.attempts import Attempts
from coatcheck.passwords.devices import DeviceTokens
from coatcheck.passwords.pool import HashingPool
from coatcheck.patience import PatiencePaused
from coatcheck.settings import Settings
from coatcheck.stores.authority import StoreAuthority
from coatcheck.stores.open import store_for
from coatcheck.stores.port import Store
from coatcheck.tokens.api_key import API_KEY_PREFIX, SERVICE_SECRET_PREFIX, KeyTokens
from coatcheck.tokens.derivation import Secrets
from coatcheck.tokens.opaque import SESSION_PREFIX, OpaqueTokens
from coatcheck.tokens.refresh import RefreshTokens
from coatcheck.tokens.signers import Signers
from coatcheck.upkeep import restore
from coatcheck.upkeep.engine import Engine
from coatcheck.upkeep.secret_file import development_secret
from coatcheck.upkeep.witness import Witness

if TYPE_CHECKING:
    from coatcheck.redis.open import OpenedRedis


class Life:
    """What ``Auth`` is before it has any verb. Its arguments are explained there."""

    def __init__(
        self,
        settings: Settings | str | None = None,
        *,
        store: Store | None = None,
        clock: Clock | None = None,
        after_register: Sequence[Hook] = (),
        name: str | None = None,
    ) -> None:
        self.settings = Settings(database=settings) if isinstance(settings, str) else settings or Settings()
        self.store = store or store_for(self.settings.database, self.settings.secrets)
        self.clock = clock or SystemClock()
        self._after_register = tuple(after_register)
        self._name = name
        self._opened = Opened()
        self._redis: OpenedRedis | None = None
        self._starting = asyncio.Lock()
        self._is_following = False
        self._denies_here = False

    async def start(self) -> None:
        """Open the store, make what a new installation lacks, and begin to follow the log; idempotent.

        Raises Misconfigured when a secret is missing in production or the store went back in time, StoreUnavailable
        when it can't be opened.
        """
        async with self._starting:
            if self._is_following:
                return
            await self._open()
            await self._running.start()
            self._is_following = True

    async def open(self) -> None:
        """Be ready for every verb but not check credentials: for the command line, which is no subscriber. Idempotent.

        Raises as ``start`` does.
        """
        async with self._starting:
            await self._open()

    async def begin_again(self, *, reason: str = restore.REASON, actor_id: str | None = None) -> Receipt:
        """Begin again after a backup was put back, although ``start`` and ``open`` refuse: end everything that was
        issued before, replace the signing keys, begin a new epoch, and wait until no checker follows the old one (rule
        17).

        The rest is as in the backup: suspensions, deletions, roles and passwords changed since are to be changed again.
        Raises Misconfigured, StoreUnavailable.
        """
        async with self._starting:
            await self._open(is_restored=True)
        now, witness = self._ready.now(), Witness(self.settings.witness(self.store.beside))
        epoch = await restore.next_epoch(self.store, witness)
        committed = await self._ready.commit(
            lambda tx: restore.begin_again(
                tx, self._secrets, self.settings, epoch, now=now, reason=reason, actor_id=actor_id
            ),
            wait=True,
        )
        head = await self.store.read(lambda tx: tx.log.head())
        witness.remember(head.position, head.event_id)
        return await self._running.enforcer.confirm(committed.events, committed.position)

    async def _open(self, *, is_restored: bool = False) -> None:
        if self._opened:
            return
        given = self._given_secrets()  # first: what is refused for its settings leaves no new database behind
        redis_with = self._redis_named()
        await self.store.open()
        witness = Witness(self.settings.witness(self.store.beside))
        secrets = given or Secrets((await self._made_here(),))
        signers = Signers(secrets)
        if not is_restored:
            await witness.require_no_return(self.store)
            signers.require_openable(await self.store.read(lambda tx: tx.keys.all()))
        redis = self._redis = None if redis_with is None else redis_with(secrets)
        means = Means(
            store=self.store,
            settings=self.settings,
            clock=self.clock,
            hasher=PasswordHasher(self.settings.passwords),
            pool=HashingPool(self.settings.passwords, waiting=PatiencePaused),
            attempts=Attempts(self.settings.attempts, None if redis is None else redis.counters),
            devices=DeviceTokens(*(each.key for each in secrets.all("device token"))),
            session_tokens=OpaqueTokens(SESSION_PREFIX, secrets),
            refresh_tokens=RefreshTokens(secrets),
            api_keys=KeyTokens(API_KEY_PREFIX, secrets),
            service_secrets=KeyTokens(SERVICE_SECRET_PREFIX, secrets),
            signers=signers,
            after_register=self._after_register,
        )
        authority = StoreAuthority(self.store, means.now)
        asked: Authority = authority
        cached = None
        if redis is not None:
            asked = cached = redis.around(
                authority,
                wall=self.clock.wall,
                keep_for=self.settings.tokens.access_for,
                leeway=self.settings.tokens.leeway,
            )
        engine = Engine(
            store=self.store,
            authority=asked,
            clock=self.clock,
            settings=self.settings,
            secrets=secrets,
            signers=signers,
            witness=witness,
            name=self._name,
            recollect=None if cached is None else cached.recollect,
            bell=None if redis is None else redis.bell,
        )
        engine.switch.throw(self._denies_here)
        if redis is not None:
            await redis.start()
        self._opened.fill(Parts(engine, means, secrets, authority))

    async def stop(self) -> None:
        """Stop trusting, say goodbye, write what is pending, close the store; idempotent."""
        parts, self._is_following = self._opened.take(), False
        if parts is not None:
            try:
                await parts.engine.stop()
            finally:
                parts.means.pool.close()
        redis, self._redis = self._redis, None
        if redis is not None:
            await redis.stop()
        await self.store.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def is_started(self) -> bool:
        """True between ``start`` and ``stop``."""
        return self._is_following

    @property
    def _running(self) -> Engine:
        return self._opened.running

    @property
    def _ready(self) -> Means:
        return self._opened.ready

    @property
    def _secrets(self) -> Secrets:
        return self._opened.secrets

    def _given_secrets(self) -> Secrets | None:
        if self.settings.secrets:
            return Secrets(self.settings.secrets)
        if not self.settings.is_local or self.settings.is_shared:
            where = "in production" if not self.settings.is_local else "with PostgreSQL, the same on every server"
            raise Misconfigured(
                f"a secret is needed {where}; make one with `coatcheck keys secret` and name its file in "
                "COATCHECK_SECRETS_FILE (or give it in Settings.secrets)"
            )
        return None

    def _redis_named(self) -> "Callable[[Secrets], OpenedRedis] | None":
        if not self.settings.cache:
            return None
        try:
            from coatcheck.redis.address import read_address
            from coatcheck.redis.open import OpenedRedis
        except ImportError as missing:
            raise Misconfigured(f"a cache needs the extra coatcheck[redis] ({missing.name} is missing)") from missing
        address = read_address(self.settings.cache)
        return lambda secrets: OpenedRedis(address, secrets)

    async def _made_here(self) -> str:
        sealed = await self.store.read(lambda tx: tx.keys.count_sealed())
        return development_secret(self.store.beside, has_sealed_keys=sealed > 0)
