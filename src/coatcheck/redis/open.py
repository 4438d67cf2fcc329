"""From an address to all that Redis does here."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from coatcheck.authority import Authority
from coatcheck.redis.address import Address
from coatcheck.redis.bell import RedisBell
from coatcheck.redis.cache import CachedAuthority
from coatcheck.redis.clients import client_for, ears_for
from coatcheck.redis.limits import RedisCounters
from coatcheck.redis.pipeline import Pipeline
from coatcheck.tokens.derivation import Secrets


class OpenedRedis:
    """The connections of one process, not yet made: a pipeline that checks wait for, one for what can wait a little
    longer, and one that listens."""

    def __init__(self, address: Address, secrets: Secrets) -> None:
        self._secrets = secrets
        self._quick = Pipeline(
            lambda: client_for(address),
            patience=0.01,
            lost=f"The cache at {address} can't be used; checks ask the store meanwhile.",
            regained=f"The cache at {address} is used again.",
        )
        self._patient = Pipeline(
            lambda: client_for(address),
            patience=0.25,
            lost=f"Attempts can't be counted at {address}; the store counts them meanwhile.",
            regained=f"Attempts are counted at {address} again.",
        )
        self.bell = RedisBell(lambda: ears_for(address), self._patient, secrets)
        self.counters = RedisCounters(self._patient, secrets)

    def around(
        self, authority: Authority, *, wall: Callable[[], float], keep_for: timedelta, leeway: timedelta
    ) -> CachedAuthority:
        """``authority`` with a cache of its look-ups; see ``CachedAuthority``."""
        return CachedAuthority(authority, self._quick, self._secrets, wall=wall, keep_for=keep_for, leeway=leeway)

    async def start(self) -> None:
        """Connect; returns although that was not possible."""
        await asyncio.gather(self._quick.start(), self._patient.start())

    async def stop(self) -> None:
        """Hang up; idempotent."""
        await asyncio.gather(self._quick.stop(), self._patient.stop())
