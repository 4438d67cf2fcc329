"""Reading what one process has counted, and what the store says about all of them."""

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from coatcheck.errors import Broken, Misconfigured
from coatcheck.metrics.measured_store import MeasuredStore
from coatcheck.metrics.reading import Reading, Timing, Value, labelled
from coatcheck.metrics.subscribers import about_subscribers, names_of

if TYPE_CHECKING:
    from coatcheck.auth import Auth
    from coatcheck.checking.checker import Checker
    from coatcheck.passwords.pool import HashingPool
    from coatcheck.upkeep.engine import Engine

_PATIENCE: Final = 2.0
"""Seconds for the store to answer."""


class Meter:
    """Reads one ``auth``. Made before that is started: its store is measured from then on.

    Raises Misconfigured when it runs already.
    """

    def __init__(self, auth: "Auth") -> None:
        if auth.parts:
            raise Misconfigured("metrics are to be set up before Auth is started: its store is measured from then on")
        self._auth = auth
        self._store = MeasuredStore(auth.store)
        auth.store = self._store
        self._latest: tuple[Engine, HashingPool] | None = None

    def read(self) -> Reading:
        """What this process has counted; after ``auth`` was stopped, what it had counted until then."""
        auth, store = self._auth, self._store
        if auth.parts:
            self._latest = auth.parts.running, auth.parts.ready.pool
        values = [
            *labelled("coatcheck_verbs_total", auth.outcomes.items()),
            *labelled("coatcheck_events_total", (((kind,), number) for kind, number in store.events.items())),
            *labelled("coatcheck_store_failures_total", (((name,), number) for name, number in store.failed.items())),
            Value("coatcheck_feed_questions_waiting", (), auth.feed.waiting),
            Value("coatcheck_draining", (), float(auth.is_draining)),
        ]
        timings = [Timing("coatcheck_store_seconds", (name,), taken) for name, taken in store.took.items()]
        if self._latest is not None:
            engine, pool = self._latest
            values += [*_checks(engine.checker), *_engine(engine), *_pool(pool)]
            timings.append(Timing("coatcheck_barrier_seconds", (), engine.enforcer.took))
        return Reading(tuple(values), tuple(timings))

    async def read_store(self) -> Reading:
        """What the store says about everybody: its log, and who follows it. Trouble with the store is told, not
        raised."""
        store, now = self._auth.store, self._auth.clock.wall()
        try:
            async with asyncio.timeout(_PATIENCE):
                rows = await store.read_registry(lambda registry: registry.all())
                credentials = {row.credential for row in rows if row.credential is not None}
                head, names = await store.read(lambda tx: (tx.log.head(), names_of(tx, credentials)))
        except (Broken, TimeoutError):
            return Reading((Value("coatcheck_store_answers", (), 0),))
        return Reading(
            (
                Value("coatcheck_store_answers", (), 1),
                Value("coatcheck_log_position", (), head.seq),
                *about_subscribers(rows, names, head.position, now),
            )
        )


def _checks(checker: "Checker") -> Iterator[Value]:
    tally = checker.tally
    return labelled(
        "coatcheck_checks_total",
        (
            (("warm", "accepted"), checker.passed - tally.again_accepted),
            (("warm", "refused"), tally.warm_refused - tally.again_refused),
            (("cold", "accepted"), tally.cold_accepted),
            (("cold", "refused"), tally.cold_refused),
            (("online", "accepted"), tally.online_accepted),
            (("online", "refused"), tally.online_refused),
            (("online", "try_again"), tally.online_try_again),
        ),
    )


def _engine(engine: "Engine") -> Iterator[Value]:
    checker, enforcer = engine.checker, engine.enforcer
    yield Value("coatcheck_lease_remaining_seconds", (), max(0.0, checker.lease.until - checker.steady()))
    yield Value("coatcheck_failed_syncs", (), engine.follower.failures)
    yield Value("coatcheck_replica_events", (), len(engine.replica))
    yield Value("coatcheck_remembered_credentials", (), checker.remembered)
    yield Value("coatcheck_live_connections", (), len(engine.live))
    yield Value("coatcheck_barriers_waiting", (), enforcer.waiting)
    yield Value("coatcheck_waited_out_total", (), enforcer.waited_out)


def _pool(pool: "HashingPool") -> Iterator[Value]:
    load = pool.load
    yield Value("coatcheck_hashing_waiting", (), load.waiting)
    yield Value("coatcheck_hashing_running", (), load.running)
    yield Value("coatcheck_hashing_done_total", (), load.done)
    yield Value("coatcheck_hashing_shed_total", (), load.shed)
