"""Servers that share a store and a Redis, with clocks that are moved by hand."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import redis
from msgspec import structs

from coatcheck.authority import Found, LookUp
from coatcheck.checking.cache import Cache, Remembered
from coatcheck.checking.checker import Checker
from coatcheck.checking.keys import CheckingKeys
from coatcheck.checking.recall import Policy, Recall
from coatcheck.model.user import User
from coatcheck.redis.address import read_address
from coatcheck.redis.cache import CachedAuthority
from coatcheck.redis.clients import client_for
from coatcheck.redis.pipeline import Pipeline
from coatcheck.redis.sealing import PREFIX
from coatcheck.revocation.lease import Lease
from coatcheck.revocation.replica import Replica
from coatcheck.revocation.subscriber import Subscriber
from coatcheck.sessions.change import change_user
from coatcheck.sessions.rotate import renew_in_passing
from coatcheck.stores.authority import StoreAuthority
from coatcheck.tokens.derivation import Secrets
from coatcheck.tokens.opaque import digest
from coatcheck.upkeep.flights import Flights
from tests.checking.builders import SECRETS, SETTINGS, Site

PATIENT = 2.0
"""Seconds: in a test that is not about time, a busy machine is no reason to do without."""


def pipeline_to(url: str, *, patience: float = PATIENT, rest: float = 0.05) -> Pipeline:
    """A pipeline, not yet connected."""
    address = read_address(url)
    return Pipeline(lambda: client_for(address), patience=patience, lost="lost", regained="regained", rest=rest)


def redis_at(url: str) -> redis.Redis:
    """A client of its own, for whoever looks or forges."""
    return redis.Redis.from_url(url)


class Server:
    """One process that checks, beside the store of ``site`` and with a pipeline to Redis."""

    def __init__(
        self,
        site: Site,
        pipeline: Pipeline,
        *,
        policy: Policy = Policy.ONLINE,
        secrets: Secrets = SECRETS,
        ahead: float = 0.0,
    ) -> None:
        self.site = site
        self.pipeline = pipeline
        self.asked: list[LookUp] = []
        self.replica = Replica(1000)
        self.subscriber = Subscriber(self.replica, Lease())
        self.authority = StoreAuthority(site.store, site.means.now)
        self.cached = CachedAuthority(
            self,  # type: ignore[arg-type]  # counts what reaches the store
            pipeline,
            secrets,
            wall=self.wall,
            keep_for=SETTINGS.tokens.access_for,
            leeway=SETTINGS.tokens.leeway,
        )
        self.ahead = ahead
        self.checker = Checker(
            replica=self.replica,
            lease=self.subscriber.lease,
            cache=Cache(b"k" * 32, 100),
            keys=CheckingKeys(self.replica, site.signers.secret_of),
            session_tokens=site.means.session_tokens,
            api_keys=site.means.api_keys,
            wall=self.wall,
            steady=site.clock.steady,
            issuer=SETTINGS.issuer,
            audience=SETTINGS.issuer,
            cache_for=SETTINGS.tokens.access_for,
            leeway=SETTINGS.tokens.leeway,
            grace=SETTINGS.sessions.grace,
            flush_interval=SETTINGS.sessions.flush_touches_every,
        )
        self.recall = Recall(
            self.checker,
            look_up=Flights(self.cached).look_up,
            learn_keys=self.sync,
            policy=policy,
            accept_for=SETTINGS.revocation.accept_for,
            recollect=self.cached.recollect,
        )

    def wall(self) -> float:
        return self.site.clock.wall() + self.ahead

    async def look_up(self, asked: LookUp) -> Found:
        self.asked.append(asked)
        return await self.authority.look_up(asked)

    async def sync(self) -> bool:
        """Register where needed, and take a lease."""
        if self.subscriber.registration is None:
            self.subscriber.registered(await self.authority.register("here", None))
        flight = self.subscriber.ask(self.site.clock.steady(), self.wall())
        self.subscriber.hear(flight, await self.authority.sync(flight.question))
        return True

    async def check(self, token: bytes) -> Remembered:
        """Decide, asking whom it takes."""
        return await self.recall.check(token)

    async def checks_and_notes(self, token: bytes) -> None:
        """Check, and wait until what the store said is in Redis."""
        await self.check(token)
        await settled(self.pipeline)

    def forget(self) -> None:
        """Begin with nothing remembered, as another process would."""
        self.checker.forget_everything()


async def settled(pipeline: Pipeline) -> None:
    """Everything that was told before is done."""
    await asyncio.sleep(0)
    await pipeline.ask("PING")


def entries(url: str) -> list[bytes]:
    """The names of the records in Redis."""
    with redis_at(url) as there:
        return sorted(there.keys(f"{PREFIX}record:*"))  # type: ignore[arg-type, type-var]


def running(url: str, test: Callable[..., Coroutine[Any, Any, None]], servers: int = 2, **options: Any) -> None:
    """Run ``test(site, *servers)`` with so many servers under a lease."""

    async def run() -> None:
        site = Site()
        made = [Server(site, pipeline_to(url), **options) for _ in range(servers)]
        for server in made:
            await server.pipeline.start()
            await server.sync()
        try:
            await test(site, *made)
        finally:
            for server in made:
                await server.pipeline.stop()

    asyncio.run(run())


def renew(site: Site, token: bytes) -> bytes:
    """Replace a cookie's secret in passing; the new one."""
    issued = site.means.session_tokens.issue().encode()
    now = datetime.fromtimestamp(site.clock.wall(), UTC)
    asked = LookUp(digest=digest(token))
    session_id = site.store.view(lambda tx: tx.sessions.look_up(asked)).session_id
    assert session_id is not None
    done = site.store.transact(
        lambda tx: renew_in_passing(
            tx, session_id, presented_digest=digest(token), secret_digest=digest(issued), now=now
        )
    )
    assert done is not None
    return issued


def change_roles(site: Site, *roles: str) -> None:
    """Give the person other roles, without telling anybody."""

    def work(tx: Any) -> None:
        user: User = tx.users.get(site.user.id)
        changed = structs.replace(user, roles=roles)
        now = datetime.fromtimestamp(site.clock.wall(), UTC)
        assert change_user(tx, changed, kind="user.changed", at=now, actor_id=None, address="")

    site.store.transact(work)
