"""What runs beside a Verifier: one daemon thread with an event loop, which follows the feed and asks on a miss."""

import asyncio
import os
import socket
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from secrets import token_bytes
from ssl import SSLContext
from typing import Any, Final, NamedTuple, TypeVar

from coatcheck.checking.cache import Cache, Remembered
from coatcheck.checking.checker import Checker
from coatcheck.checking.keys import CheckingKeys
from coatcheck.checking.recall import Policy, Recall
from coatcheck.clock import Clock
from coatcheck.errors import StoreUnavailable
from coatcheck.feed import KEY_BYTES, Names, read_name
from coatcheck.model.principal import CarriedBy
from coatcheck.revocation.lease import Lease
from coatcheck.revocation.replica import Replica
from coatcheck.revocation.subscriber import Subscriber
from coatcheck.upkeep.flights import Flights
from coatcheck.upkeep.follow import Follower
from coatcheck.verify.address import Address
from coatcheck.verify.authority import ANSWER_WITHIN, HttpAuthority, Terms
from coatcheck.verify.credential import Credential
from coatcheck.verify.http import Http
from coatcheck.verify.introspection import ApiKeys, SessionTokens

Result = TypeVar("Result")

PATIENCE: Final = 5.0
"""Seconds that a check may wait when memory can't decide."""

_ASK_EVERY: Final = 1.0
"""Seconds between two questions that nobody holds; a fifth of the lease once it is known."""

_SYNC_WITHIN: Final = 60.0
"""Seconds for one answer, the largest snapshot too. A server that falls silent is noticed by ``http`` long before."""

_BEFORE_THE_FIRST: Final = Terms(b"", timedelta(minutes=10))


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a Verifier was told to be."""

    address: Address
    issuer: str
    audience: str
    credential: Credential
    policy: Policy
    accept_for: timedelta
    name: str | None
    leeway: timedelta
    remember_events: int
    cache_records: int
    ssl_context: SSLContext | None
    clock: Clock


class Deciding(NamedTuple):
    """A checker, and what asks on its behalf under each policy. They know one key of names, and go together."""

    checker: Checker
    recalls: dict[Policy, Recall]


class Following:
    """One life of a Verifier: from the first check, in the process that makes it, to ``stop``."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._replica = Replica(plan.remember_events, read_name)
        self._http = Http(plan.address, plan.ssl_context)
        audiences = frozenset({plan.audience, plan.issuer})  # a session token without audience is for its server
        authority = HttpAuthority(self._http, plan.credential, plan.clock, self._begin_again, audiences)
        self.subscriber = Subscriber(self._replica, Lease())
        self._follower = Follower(
            self.subscriber,
            authority,
            plan.clock,
            name=plan.name or f"{socket.gethostname()}:{os.getpid()}",
            accept_ms=int(plan.accept_for / timedelta(milliseconds=1)) if plan.policy is Policy.ACCEPT else None,
            interval=_ASK_EVERY,
            holds=True,
            patience=_SYNC_WITHIN,
        )
        self._flights = Flights(authority)
        self.deciding = self._decide_under(_BEFORE_THE_FIRST)
        self._starting = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._beginning: asyncio.Task[None] | None = None
        self._began = asyncio.Event()

    # -- from any thread ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to follow, in the background; idempotent."""
        with self._starting:
            if self._thread is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._run, name="coatcheck-verifier", daemon=True)
                self._thread.start()

    def run(self, work: Coroutine[Any, Any, Result]) -> "Future[Result]":
        """Run ``work`` on the loop of this life, which begins with it if need be.

        Raises StoreUnavailable when this life has just ended.
        """
        self.start()
        loop = self._loop
        if loop is None:
            raise StoreUnavailable
        return asyncio.run_coroutine_threadsafe(work, loop)

    def stop(self) -> None:
        """Stop trusting, say goodbye, end the thread; takes some seconds at the most, where the server is silent."""
        self.subscriber.lease.drop()
        with self._starting:
            loop, self._loop = self._loop, None
            thread = self._thread
        if loop is None or thread is None:
            return
        loop.call_soon_threadsafe(lambda: loop.create_task(self._end(loop)))
        thread.join(2 * PATIENCE)
        self._http.close()

    # -- on the loop --------------------------------------------------------------------------------------------------

    async def settle(self, token: bytes, carried_by: CarriedBy, policy: Policy) -> Remembered:
        """Decide about ``token``, asking the server if need be. Raises as ``Recall.check`` does."""
        await self._began.wait()
        return await self.deciding.recalls[policy].check(token, carried_by)

    def _run(self) -> None:
        loop = self._loop
        if loop is None:
            return
        asyncio.set_event_loop(loop)
        self._beginning = loop.create_task(self._begin(), name="coatcheck-verifier-begin")
        try:
            loop.run_forever()
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        finally:
            loop.close()

    async def _begin(self) -> None:
        try:
            await self._follower.start()
        finally:
            self._began.set()

    async def _end(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            if self._beginning is not None:  # a registration on its way would be nobody's: no barrier shall wait for it
                await asyncio.wait([self._beginning], timeout=ANSWER_WITHIN)
            await self._follower.stop()
        finally:
            loop.stop()

    def _begin_again(self, terms: Terms) -> None:
        """Sessions and users have other names from now on: trust nothing that is known, and forget it.

        A check that is under way in another thread keeps to the old checker, whose lease ends here for ever; the new
        one's is taken after the next snapshot, which counts the replica's state up. So nothing that was named under the
        old key is ever accepted by what was learned under the new one.
        """
        self.subscriber.leave()
        self.deciding.checker.lease = Lease()
        self._replica.position = None
        self.deciding = self._decide_under(terms)

    def _decide_under(self, terms: Terms) -> Deciding:
        plan = self._plan
        checker = Checker(
            replica=self._replica,
            lease=self.subscriber.lease,
            cache=Cache(token_bytes(32), plan.cache_records),
            keys=CheckingKeys(self._replica, lambda _: None),
            session_tokens=SessionTokens(),
            api_keys=ApiKeys(),
            wall=plan.clock.wall,
            steady=plan.clock.steady,
            issuer=plan.issuer,
            audience=plan.audience,
            cache_for=terms.cache_for,
            leeway=plan.leeway,
            grace=timedelta(0),
            flush_interval=timedelta(0),
            name_of=Names(terms.key or token_bytes(KEY_BYTES)).of,
        )
        checker.seen = _Unseen()
        recalls = {
            policy: Recall(
                checker,
                look_up=self._flights.look_up,
                learn_keys=self._follower.learn_keys,
                policy=policy,
                accept_for=plan.accept_for,
                shows_token=True,
            )
            for policy in Policy
        }
        return Deciding(checker, recalls)


class _Unseen(dict[str, float]):
    """When people were last seen: a Verifier reports no touches (rule 11), so there is nothing to collect."""

    def __setitem__(self, session_id: str, at: float) -> None:
        """Forget at once."""
