"""Following the log: the loop that carries a subscriber's questions to the authority (rules 3 to 7)."""

import asyncio
import contextlib
import logging
import math
import random
from collections.abc import Awaitable, Callable
from typing import Final

from coatcheck.authority import Authority, News, Snapshot
from coatcheck.clock import Clock
from coatcheck.errors import Broken
from coatcheck.model.position import Position
from coatcheck.patience import awaited
from coatcheck.revocation.replica import CannotApply
from coatcheck.revocation.subscriber import Heard, Subscriber
from coatcheck.upkeep.seldom import Seldom
from coatcheck.upkeep.troubles import Troubles

log = logging.getLogger("coatcheck")

_STORE_FIRST: Final = 0.02
"""Seconds that the store's own hint may come later than another one of the same, or earlier."""

_REGISTERED_WITHIN: Final = 1.0
"""Seconds that a goodbye waits for a registration under way: given up, its row would hold up barriers."""

_TAKEN: Final = (Heard.CURRENT, Heard.AWAITED)
_AGAIN: Final = (Heard.AWAITED, Heard.PARTIAL, Heard.OVERTAKEN, Heard.REGISTER)


async def _nothing() -> None:
    """There are no keys but those in events."""


class Follower:
    """Keeps one subscriber current until ``stop``.

    Syncs every ``interval`` seconds (L/5) and whenever somebody rings; at most one sync is in flight and one queued,
    and one more beside a held one (rule 6). ``name`` is what receipts call this process; ``accept_ms`` declares the
    ``accept`` policy (rule 8). ``load_keys`` fetches what no event carries, when a key is unknown.

    With ``holds`` the authority is asked to hold its answer until there is something new (a long poll), and is asked
    again as soon as it has answered. What can't wait, a key that is unknown, is asked for beside that. ``patience`` is
    how many seconds one answer may take; left out, a lease.
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
        load_keys: Callable[[], Awaitable[None]] = _nothing,
        holds: bool = False,
        patience: float | None = None,
    ) -> None:
        self._subscriber = subscriber
        self._authority = authority
        self._clock = clock
        self._name = name
        self._accept_ms = accept_ms
        self._interval = interval
        self._load_keys = load_keys
        self._holds = holds
        self._patience = patience or interval * 5
        self._listeners: set[Callable[[], None]] = set()
        self._also_rung: set[Callable[[], None]] = set()
        self._bell = asyncio.Event()
        self._ring_seldom = Seldom(self.ring)
        self._task: asyncio.Task[None] | None = None
        self._key_sync: asyncio.Task[bool] | None = None
        self._key_sync_at = 0.0
        self._one_at_a_time = asyncio.Lock()
        self._one_held = asyncio.Lock()
        self._registering = asyncio.Lock()
        self._has_left = False
        self._hinted_at = -math.inf
        self.failures = 0
        """Syncs that failed since the last one that did not."""
        self._troubles = Troubles("Revocations are followed again.")

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
            try:
                await self._registered()
            finally:
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
        self._ring_others()

    def ring_for_store(self) -> None:
        """The store's own hint. Whoever may connect to it may give one: a flood of them is 200 syncs a second."""
        self._hinted_at = self._clock.steady()
        self._ring_seldom()

    def ring_unless_told(self) -> None:
        """The same hint by another way than the store's own, which may say more: sync soon unless that comes too."""
        since = self._clock.steady() - _STORE_FIRST
        asyncio.get_running_loop().call_later(_STORE_FIRST, self._ring_if_not_hinted, since)

    def heed(self, news: News) -> None:
        """A hint that says what happened: refuse it at once, and let the next sync confirm it. Nobody has to ask before
        that unless somebody waits: all who hear this would ask at the same moment. What refuses nothing, or is not of
        the log's next events, is a hint without words."""
        replica = self._subscriber.replica
        if not news.can_follow(replica.position):
            self.ring_for_store()
            return
        self._hinted_at = self._clock.steady()
        if replica.position is not None and all(each.seq <= replica.position.seq for each in news.events):
            if news.is_urgent:  # known already, be it that somebody says again what was heard long ago
                self._ring_seldom()
            return
        for event in news.events:
            replica.heed(event.happening, Position(news.epoch, event.seq))
        self._tell_listeners()
        if news.is_urgent:
            self.ring()
        else:
            self._ring_others()

    def ring_too(self, rung: Callable[[], None]) -> None:
        """Call ``rung`` from now on whenever somebody rings: what is a hint for this follower is one for others here,
        who need not wait until this one has asked."""
        self._also_rung.add(rung)

    def listen(self, heard: Callable[[], None]) -> None:
        """Call ``heard`` from now on whenever the log has moved on, and its news have been applied here."""
        self._listeners.add(heard)

    async def sync(self, *, hold: bool = False) -> bool:
        """One sync, now; registers first where needed. True when an answer was taken. With ``hold`` the answer may be
        held back until there is something new."""
        was_taken = False
        heard: Heard | None = Heard.PARTIAL
        while heard in _AGAIN:
            async with self._one_held if hold else self._one_at_a_time:
                heard = await self._sync_once(hold)
            was_taken = was_taken or heard in _TAKEN
        return was_taken

    async def learn_keys(self) -> bool:
        """One sync for an unknown ``kid``, at most one a second: a flood of invented ones costs nothing (rule 10).

        Whoever comes while one is under way, or within that second, shares its outcome: True when it succeeded. Where L
        is less than a second it takes its place: a key that signs was made known more than L ago.
        """
        now, latest = self._clock.steady(), self._key_sync
        if latest is None or (latest.done() and now - self._key_sync_at >= min(1.0, self._pace * 5)):
            self._key_sync_at = now
            self._key_sync = latest = asyncio.create_task(self._sync_keys(), name="coatcheck-learn-keys")
        try:
            return await awaited(latest)
        except Broken:  # not in time for this one
            return False

    async def _sync_keys(self) -> bool:
        try:
            if not await self.sync():
                return False
            await self._load_keys()
        except Broken:
            return False
        return True

    async def _sync_once(self, hold: bool = False) -> Heard | None:
        subscriber, clock = self._subscriber, self._clock
        if self._has_left:
            return None
        try:
            async with asyncio.timeout(self._patience):
                async with self._registering:
                    if subscriber.registration is None and not self._has_left:
                        await self._register()
                if self._has_left:  # meanwhile
                    return None  # type: ignore[unreachable]
                wait_ms = int(self._pace * 1000) if hold else 0
                flight = subscriber.ask(clock.steady(), clock.wall(), wait_ms)
                answer = await self._authority.sync(flight.question)
        except (Broken, TimeoutError) as fault:
            self.failures += 1
            self._say_cut_off(fault.in_full if isinstance(fault, Broken) else "The store did not answer in time.")
            return None
        if isinstance(answer, Snapshot):
            await self._prepare(answer)
        alarms = subscriber.alarms
        heard = subscriber.hear(flight, answer)
        subscriber.replica.forget_prepared()  # an answer may be dropped
        if subscriber.replica.position != flight.question.applied:
            self._tell_listeners()
        if subscriber.alarms > alarms:
            log.error(
                "The store's history is not the one that was followed here: a backup was restored, or another database "
                "has taken its place. If `coatcheck schema restored` was not run yet, run it now."
            )
        if heard is Heard.REFUSED:
            self._say_cut_off(
                "The store's answer is behind what was known here, or is not understood. If that lasts, a backup was "
                "restored, or a standby promoted that had not heard everything: run `coatcheck schema restored`."
            )
        if heard in _TAKEN:
            self.failures = 0
            self._troubles.end()
        return heard

    async def _prepare(self, snapshot: Snapshot) -> None:
        """Take in a large one bit by bit: checks go on beside it."""
        with contextlib.suppress(CannotApply):  # it is refused when it is heard
            for at, _ in enumerate(self._subscriber.replica.prepare(snapshot)):
                if at:
                    await asyncio.sleep(0)

    def _ring_if_not_hinted(self, since: float) -> None:
        if self._hinted_at < since:
            self.ring()

    def _ring_others(self) -> None:
        for rung in self._also_rung:
            rung()

    def _tell_listeners(self) -> None:
        for listener in self._listeners:
            listener()

    async def _registered(self) -> None:
        """Until no registration is under way, or for a moment: what was committed is known then, and given up."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_REGISTERED_WITHIN), self._registering:
                pass

    async def _register(self) -> None:
        number = await self._authority.register(self._name, self._accept_ms)
        if self._has_left:  # goodbye was said meanwhile: no barrier shall wait for this one
            await self._authority.goodbye(number)
        else:
            self._subscriber.registered(number)

    def _say_cut_off(self, why: str) -> None:
        if self._troubles.are_new(why):
            log.warning("Revocations can't be followed: %s Checks go by revocation.policy until they can.", why)

    async def _follow(self) -> None:
        rest = 0.0 if self._holds else self._pace
        while True:
            pause = rest * (1 + random.random() * 0.1 * min(self.failures, 10))  # noqa: S311 - jitter
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._bell.wait()
            self._bell.clear()
            asked_at, known = self._clock.steady(), self._subscriber.replica.position
            was_taken = await self._go_on()
            rest = self._pace
            if self._holds and was_taken:  # an answer without news that came at once was not held: no haste then
                is_news = self._subscriber.replica.position != known
                rest = 0.0 if is_news else max(0.0, rest - (self._clock.steady() - asked_at))

    async def _go_on(self) -> bool:
        """One sync of the loop, which nothing may end: nobody would follow the log any more."""
        try:
            return await self.sync(hold=self._holds)
        except Exception as fault:
            self.failures += 1
            if self._troubles.are_new(repr(fault)):
                log.exception("Following revocations failed; it will be tried again")
            return False

    @property
    def _pace(self) -> float:
        """Seconds between two questions: the head may grant shorter leases than were expected."""
        return min(self._interval, self._subscriber.lease.length / 5)
