"""What flows work with: the store, the clock, the hashing pool, the secrets. Made once, by ``coatcheck.auth``."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from msgspec import Struct

from coatcheck.clock import Clock, now_of
from coatcheck.model.event import Event
from coatcheck.model.position import Position
from coatcheck.model.user import User
from coatcheck.passwords.argon2 import PasswordHasher
from coatcheck.passwords.attempts import Attempts
from coatcheck.passwords.devices import DeviceTokens
from coatcheck.passwords.pool import HashingPool
from coatcheck.settings import Settings
from coatcheck.stores.port import Store, Transaction
from coatcheck.tokens.api_key import KeyTokens
from coatcheck.tokens.opaque import OpaqueTokens
from coatcheck.tokens.refresh import RefreshTokens
from coatcheck.tokens.signers import Signers

Result = TypeVar("Result")
Other = TypeVar("Other")

Hook = Callable[[Transaction, User], None]
"""The application's own work inside a flow's transaction, such as a row that refers to the new user."""


class Committed(Struct, Generic[Result], frozen=True):
    """What a flow did: its result, the events it appended, and the log's position afterwards."""

    result: Result
    events: tuple[Event, ...]
    position: Position

    def but(self, result: Other) -> "Committed[Other]":
        """The same commit, with another result."""
        return Committed(result, self.events, self.position)


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

    async def commit(self, work: Callable[[Transaction], Result], *, wait: bool = False) -> "Committed[Result]":
        """Run ``work`` in one transaction and return its result with the events it appended.

        With ``wait`` the head says in that same transaction that somebody waits for it, whether or not there was
        anything left to change (rules 6 and 14).
        """

        def whole(tx: Transaction) -> Committed[Result]:
            before = tx.log.head().seq
            result = work(tx)
            head = tx.log.head()
            events = tuple(tx.log.after(before, head.seq - before)) if head.seq > before else ()
            if wait:
                tx.log.await_up_to(head.seq)
            return Committed(result, events, head.position)

        return await self.store.write(whole)
