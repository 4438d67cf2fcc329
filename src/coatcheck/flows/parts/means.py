"""What flows work with: the store, the clock, the hashing pool, the secrets. Made once, by ``coatcheck.auth``."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from coatcheck.clock import Clock, now_of
from coatcheck.model.user import User
from coatcheck.passwords.argon2 import PasswordHasher
from coatcheck.passwords.attempts import Attempts
from coatcheck.passwords.devices import DeviceTokens
from coatcheck.passwords.pool import HashingPool
from coatcheck.settings import Settings
from coatcheck.stores.port import Committed, Store, Transaction
from coatcheck.tokens.api_key import KeyTokens
from coatcheck.tokens.opaque import OpaqueTokens
from coatcheck.tokens.refresh import RefreshTokens
from coatcheck.tokens.signers import Signers

Result = TypeVar("Result")

Hook = Callable[[Transaction, User], None]
"""The application's own work inside a flow's transaction, such as a row that refers to the new user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """Everything a flow may use."""

    store: Store
    settings: Settings
    clock: Clock
    hasher: PasswordHasher
    pool: HashingPool
    attempts: Attempts
    devices: DeviceTokens
    session_tokens: OpaqueTokens
    refresh_tokens: RefreshTokens
    api_keys: KeyTokens
    service_secrets: KeyTokens
    signers: Signers
    after_register: tuple[Hook, ...] = ()

    def now(self) -> datetime:
        """The instant, noted before a transaction begins."""
        return now_of(self.clock)

    async def commit(self, work: Callable[[Transaction], Result], *, wait: bool = False) -> Committed[Result]:
        """Run ``work`` in one transaction and return its result with the events it appended.

        With ``wait`` the head says in that same transaction that somebody waits for it, whether or not there was
        anything left to change (rules 6 and 14).
        """
        return await self.store.commit(work, awaited=wait)
