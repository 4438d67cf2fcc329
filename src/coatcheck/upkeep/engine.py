"""The running parts of one process, joined: subscriber, checker, follower, and the loops beside them."""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from secrets import token_bytes
from typing import Final, Protocol
from weakref import WeakSet

from coatcheck.authority import Authority, Found, LookUp
from coatcheck.checking.cache import Cache
from coatcheck.checking.checker import Checker
from coatcheck.checking.keys import CheckingKeys
from coatcheck.checking.recall import Policy, Recall
from coatcheck.clock import Clock, now_of
from coatcheck.errors import Broken
from coatcheck.revocation.lease import Lease
from coatcheck.revocation.replica import Replica
from coatcheck.revocation.subscriber import Subscriber
from coatcheck.settings import Settings
from coatcheck.stores.port import Store, Transaction
from coatcheck.tokens.api_key import API_KEY_PREFIX, KeyTokens
from coatcheck.tokens.derivation import Secrets
from coatcheck.tokens.opaque import SESSION_PREFIX, OpaqueTokens
from coatcheck.tokens.signers import Signers
from coatcheck.upkeep.enforce import Enforcer
from coatcheck.upkeep.flights import Flights
from coatcheck.upkeep.follow import Follower
from coatcheck.upkeep.janitor import Janitor
from coatcheck.upkeep.live import LiveConnections
from coatcheck.upkeep.local_switch import LOOK_EVERY, LocalSwitch
from coatcheck.upkeep.purge import BATCH, purge
from coatcheck.upkeep.rotation import rotate_keys
from coatcheck.upkeep.seldom import Seldom
from coatcheck.upkeep.settle import Settler
from coatcheck.upkeep.store_clock import StoreClock
from coatcheck.upkeep.touches import write_touches
from coatcheck.upkeep.troubles import Troubles
from coatcheck.upkeep.witness import Witness

log = logging.getLogger("coatcheck")

_LAST_TOUCHES_WITHIN: Final = 5.0
"""Seconds that a goodbye waits for them where they are many and the store is slow."""


class Bell(Protocol):
    """Wakes the followers of other processes, beside what the store does (rule 6)."""

    def ring(self) -> None:
        """Say that there is news."""
        ...

    def watch(self, rung: Callable[[], None]) -> Callable[[], None]:
        """Call ``rung`` on the running loop when another process may have rung. Returns the function that stops it."""
        ...


class Engine:
    """What one process runs to check credentials beside a store, from ``start`` to ``stop``.

    ``name`` is what receipts call this process. ``recollect`` is asked before the store where that is sound
    (``checking.recall``); ``bell`` wakes other processes.
    """

    def __init__(
        self,
        *,
        store: Store,
        authority: Authority,
        clock: Clock,
        settings: Settings,
        secrets: Secrets,
        signers: Signers,
        witness: Witness,
        name: str | None = None,
        recollect: Callable[[LookUp], Awaitable[Found | None]] | None = None,
        bell: Bell | None = None,
    ) -> None:
        revocation = settings.revocation
        self._store, self._clock, self._settings = store, clock, settings
        self._secrets, self._signers, self._witness, self._bell = secrets, signers, witness, bell
        self.replica = Replica(revocation.remember_events)
        self.subscriber = Subscriber(self.replica, Lease())
        self.keys = CheckingKeys(self.replica, signers.secret_of)
        self.checker = Checker(
            replica=self.replica,
            lease=self.subscriber.lease,
            cache=Cache(token_bytes(32), revocation.cache_records),
            keys=self.keys,
            session_tokens=OpaqueTokens(SESSION_PREFIX, secrets),
            api_keys=KeyTokens(API_KEY_PREFIX, secrets),
            wall=clock.wall,
            steady=clock.steady,
            issuer=settings.issuer,
            audience=settings.issuer,
            cache_for=settings.tokens.access_for,
            leeway=settings.tokens.leeway,
            grace=settings.sessions.grace,
            flush_interval=settings.sessions.flush_touches_every,
        )
        policy = Policy(revocation.policy)
        accept_ms = int(revocation.accept_for / timedelta(milliseconds=1)) if policy is Policy.ACCEPT else None
        self.follower = Follower(
            self.subscriber,
            authority,
            clock,
            name=name or f"{socket.gethostname()}:{os.getpid()}",
            accept_ms=accept_ms,
            interval=revocation.lease.total_seconds() / 5,
            load_keys=self._load_keys,
        )
        self.recall = Recall(
            self.checker,
            look_up=Flights(authority).look_up,
            learn_keys=self.follower.learn_keys,
            policy=policy,
            accept_for=revocation.accept_for,
            recollect=recollect,
        )
        self.live = LiveConnections(self.checker, self.recall.check)
        self.follower.listen(self.live.look)
        elsewhere: Callable[[], None] = (lambda: None) if bell is None else bell.ring
        self.enforcer = Enforcer(store, clock, self.replica, self.follower.ring, elsewhere)
        self.switch = LocalSwitch(self.checker, settings.deny_list(store.beside), self.live.look)
        self._store_clock = StoreClock(store, clock)
        self._tasks: list[asyncio.Task[None]] = []
        self._troubles = Troubles("What runs by itself beside the checks is done again.")
        self._stop_watching: list[Callable[[], None]] = []
        _living.add(self)

    async def start(self) -> None:
        """Write the parameters, make the first key if there is none, register, read a snapshot, and begin the loops."""
        await self.switch.look()
        await self._store.write(self._prepare)
        await self._load_keys()
        self._stop_watching.append(self._store.watch(self.follower.ring_for_store, self.follower.heed))
        if self._bell is not None:
            self._stop_watching.append(self._bell.watch(Seldom(self.follower.ring_unless_told)))
        await self.follower.start()
        with contextlib.suppress(Broken):
            await self._write_witness()
        janitor, settler = Janitor(self._store, self._clock), Settler(self._store, self._clock)
        bound = self._settings.revocation.bound
        for name, every, work in (
            ("switch", min(self._settings.revocation.lease / 5, LOOK_EVERY), self.switch.look),
            ("live", self._settings.revocation.lease / 5, self._look_after_live),
            ("witness", timedelta(seconds=1), self._write_witness),
            ("touches", self._settings.sessions.flush_touches_every, self._write_touches),
            ("rotation", max(bound / 2, timedelta(seconds=1)), self._rotate),
            ("janitor", bound, lambda: janitor.look(self._now())),
            ("settle", bound / 4, settler.look),
            ("purge", timedelta(minutes=1), self._purge),
        ):
            self._tasks.append(asyncio.create_task(self._every(every, name, work), name=f"coatcheck-{name}"))

    def _prepare(self, tx: Transaction) -> None:
        settings = self._settings
        rotate_keys(tx, self._secrets, settings, now=self._now)
        tx.log.set_parameters(
            lease=settings.revocation.lease, token=settings.tokens.access_for, drift=settings.revocation.drift
        )

    async def stop(self) -> None:
        """End the loops, write the last touches, and say goodbye."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self.live.stop()
        while self._stop_watching:
            self._stop_watching.pop()()
        with contextlib.suppress(Broken):
            await self._write_witness()
        with contextlib.suppress(Broken, TimeoutError):
            async with asyncio.timeout(_LAST_TOUCHES_WITHIN):
                await self._write_touches()
        await self.follower.stop()

    async def _every(self, span: timedelta, name: str, work: Callable[[], Awaitable[object]]) -> None:
        while True:
            await asyncio.sleep(span.total_seconds())
            try:
                await work()
            except Broken as fault:
                if self._troubles.are_new(fault.in_full, name):
                    log.warning("%s can't be done: %s (%s)", name, fault.in_full, fault.code)
            except Exception as fault:
                if self._troubles.are_new(repr(fault), name):
                    log.exception("%s failed; it will be tried again", name)
            else:
                self._troubles.end(name)

    async def _look_after_live(self) -> None:
        self.live.look()

    async def _write_touches(self) -> None:
        await write_touches(self.checker, self._store)

    async def _rotate(self) -> None:
        await self._store.write(lambda tx: rotate_keys(tx, self._secrets, self._settings, now=self._now))

    async def _purge(self) -> None:
        keep_for = self._settings.audit.keep_for
        if not await self._store_clock.agrees():
            return
        while await purge(self._store, self._now(), keep_audit_for=keep_for) >= BATCH:  # noqa: ASYNC110 - lets logins in
            await asyncio.sleep(0.05)

    async def _load_keys(self) -> None:
        self._signers.learn(tuple(await self._store.read(lambda tx: tx.keys.all())))

    async def _write_witness(self) -> None:
        # Not after each sync: the file would be written anew for every event by every process, on the event loop, and
        # each commit's fsync would have those files to write too.
        position, event_id, lost = self.replica.position, self.replica.event_id, self.subscriber.lost
        if position is None:
            return
        if lost is not None and lost[0].epoch == position.epoch:
            await asyncio.to_thread(self._witness.remember, *lost)
        else:
            await self._witness.follow(self._store, position, event_id)

    def _now(self) -> datetime:
        return now_of(self._clock)

    def forked(self) -> None:
        """In a child process: trust nothing that the parent knew, before anything is checked (rule 5)."""
        self.subscriber.leave()
        self.checker.forget_everything()


_living: WeakSet[Engine] = WeakSet()


def _after_in_child() -> None:
    for each in list(_living):
        each.forked()


os.register_at_fork(after_in_child=_after_in_child)
