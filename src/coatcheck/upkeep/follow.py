"""Following the log: the loop that carries a subscriber's questions to the authority (rules 3 to 7)."""

import asyncio
import contextlib
import random
from collections.abc import Callable

from coatcheck.authority import Authority
from coatcheck.clock import Clock
from coatcheck.errors import Broken
from coatcheck.revocation.subscriber import Heard, Subscriber


class Follower:
    """Keeps one subscriber current until ``stop``.

    Syncs every ``interval`` seconds (L/5) and whenever somebody rings; at most one sync is in flight and one queued
    (rule 6). ``name`` is what receipts call this process; ``accept_ms`` declares the ``accept`` policy (rule 8).
    ``after_sync`` is called after every answer that was taken.
    """

    def __init__(
        self,
        subscriber: Subscriber,
        authority: Authority,
        clock: Clock,
        *,
        name: str,
        accept_ms: int | None,
        interval: float,
        after_sync: Callable[[], None] = lambda: None,
    ) -> None:
        self._subscriber = subscriber
        self._authority = authority
        self._clock = clock
        self._name = name
        self._accept_ms = accept_ms
        self._interval = interval
        self._after_sync = after_sync
        self._bell = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._last_key_sync = float("-inf")
        self._one_at_a_time = asyncio.Lock()
        self._has_left = False
        self.failures = 0
        """Syncs that failed since the last one that did not."""

    async def start(self) -> None:
        """Register, read the first snapshot, and go on in the background.

        Returns although the store could not be reached: checks then answer by the policy until it can.
        """
        self._has_left = False
        await self.sync()
        self._task = asyncio.create_task(self._follow(), name="coatcheck-follow")

    async def stop(self) -> None:
        """Stop trusting the replica first, then say goodbye (rule 7)."""
        self._has_left = True
        registration = self._subscriber.leave()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        if registration is not None:
            with contextlib.suppress(Broken, TimeoutError):
                async with asyncio.timeout(self._interval * 5):
                    await self._authority.goodbye(registration)

    def ring(self) -> None:
        """A hint that something happened: sync soon (rule 6)."""
        self._bell.set()

    async def sync(self) -> bool:
        """One sync, now; registers first where needed. True when an answer was taken."""
        async with self._one_at_a_time:
            heard = await self._sync_once()
        while heard in (Heard.AWAITED, Heard.PARTIAL, Heard.REGISTER):
            async with self._one_at_a_time:
                heard = await self._sync_once()
        return heard is Heard.CURRENT

    async def learn_keys(self) -> bool:
        """One sync for an unknown ``kid``, at most one a second: a flood of invented ones costs nothing (rule 10)."""
        now = self._clock.steady()
        if now - self._last_key_sync < 1.0:
            return False
        self._last_key_sync = now
        return await self.sync()

    async def _sync_once(self) -> Heard | None:
        subscriber, clock = self._subscriber, self._clock
        if self._has_left:
            return None
        try:
            async with asyncio.timeout(self._interval * 5):
                if subscriber.registration is None:
                    subscriber.registered(await self._authority.register(self._name, self._accept_ms))
                flight = subscriber.ask(clock.steady(), clock.wall())
                answer = await self._authority.sync(flight.question)
        except (Broken, TimeoutError):
            self.failures += 1
            return None
        heard = subscriber.hear(flight, answer)
        if heard in (Heard.CURRENT, Heard.AWAITED):
            self.failures = 0
            self._after_sync()
        return heard

    async def _follow(self) -> None:
        while True:
            pause = self._interval * (1 + random.random() * 0.1 * min(self.failures, 10))  # noqa: S311 - jitter
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._bell.wait()
            self._bell.clear()
            await self.sync()
