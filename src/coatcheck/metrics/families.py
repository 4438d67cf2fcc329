"""THE table: every metric there is, with its kind, its labels, its unit in its name, and what it says."""

from enum import StrEnum
from typing import Final, NamedTuple


class Kind(StrEnum):
    """How Prometheus is to read a metric."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Family(NamedTuple):
    """One metric. ``name`` is what a query names, of a histogram without ``_bucket``, ``_sum`` and ``_count``.

    ``by_worker`` marks a gauge that means nothing when it is added up: it is told of each worker by its number.
    """

    name: str
    kind: Kind
    labels: tuple[str, ...]
    says: str
    by_worker: bool = False


FAMILIES: Final = (
    Family("coatcheck_checks_total", Kind.COUNTER, ("level", "result"), "Checks of credentials."),
    Family("coatcheck_verbs_total", Kind.COUNTER, ("verb", "outcome"), "Logins and what is like them."),
    Family("coatcheck_events_total", Kind.COUNTER, ("kind",), "Revocation events that were committed here."),
    Family("coatcheck_barriers_waiting", Kind.GAUGE, (), "Changes that wait until they hold everywhere."),
    Family("coatcheck_barrier_seconds", Kind.HISTOGRAM, (), "How long it took until a change held everywhere."),
    Family("coatcheck_waited_out_total", Kind.COUNTER, (), "Subscribers whose lease had to be waited out by barriers."),
    Family("coatcheck_hashing_waiting", Kind.GAUGE, (), "Passwords in the queue for hashing."),
    Family("coatcheck_hashing_running", Kind.GAUGE, (), "Passwords being hashed."),
    Family("coatcheck_hashing_done_total", Kind.COUNTER, (), "Passwords that were hashed."),
    Family("coatcheck_hashing_shed_total", Kind.COUNTER, (), "Passwords refused because the queue was full."),
    Family("coatcheck_store_seconds", Kind.HISTOGRAM, ("operation",), "How long the store took."),
    Family("coatcheck_store_failures_total", Kind.COUNTER, ("operation",), "What the store could not do."),
    Family("coatcheck_lease_remaining_seconds", Kind.GAUGE, ("worker",), "How long memory may still decide.", True),
    Family("coatcheck_failed_syncs", Kind.GAUGE, ("worker",), "Syncs that failed since the last good one.", True),
    Family("coatcheck_replica_events", Kind.GAUGE, ("worker",), "Revocations that a process remembers.", True),
    Family("coatcheck_remembered_credentials", Kind.GAUGE, (), "Credentials in memory."),
    Family("coatcheck_live_connections", Kind.GAUGE, (), "WebSockets and streams that are looked after."),
    Family("coatcheck_feed_questions_waiting", Kind.GAUGE, (), "Verifiers that wait at the feed for news."),
    Family("coatcheck_draining", Kind.GAUGE, (), "Processes that are about to end and say so at readyz."),
    Family("coatcheck_log_position", Kind.GAUGE, (), "The newest event's number in the log of the store."),
    Family("coatcheck_store_answers", Kind.GAUGE, (), "1 when the store answered this very question, else 0."),
    Family("coatcheck_subscribers", Kind.GAUGE, ("service", "state"), "Processes that check credentials."),
    Family("coatcheck_subscriber_lag_events", Kind.GAUGE, ("service",), "Events that the slowest has not confirmed."),
    Family("coatcheck_subscriber_silence_seconds", Kind.GAUGE, ("service",), "Time since the quietest was heard of."),
    Family("coatcheck_workers", Kind.GAUGE, ("state",), "Workers of coatcheck serve: wanted, ready, answering."),
    Family("coatcheck_worker_deaths_total", Kind.COUNTER, (), "Workers that ended without being asked to."),
    Family("coatcheck_build_info", Kind.GAUGE, ("version",), "1, with the version that runs."),
)

BY_NAME: Final = {family.name: family for family in FAMILIES}
