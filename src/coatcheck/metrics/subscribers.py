"""The registry in numbers. A process is never named: its name is its own choice, and there is no end of them."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from coatcheck.metrics.reading import Value, labelled
from coatcheck.model.position import Position

if TYPE_CHECKING:
    from coatcheck.model.subscriber import Registration
    from coatcheck.stores.port import Transaction

SERVERS: Final = "(servers)"
"""Processes beside the store."""

OTHERS: Final = "(others)"
"""Services beyond those that are told apart, and what is left of services that are gone."""

MOST_SERVICES: Final = 50
"""How many services are told apart by the names that their administrator gave them."""


def names_of(tx: "Transaction", credentials: Collection[str]) -> dict[str, str]:
    """The names of services by their credentials."""
    names: dict[str, str] = {}
    for credential in sorted(credentials):
        row = tx.sessions.get(credential)
        service = None if row is None else tx.services.get(row.user_id)
        if service is not None and (service.name in names.values() or len(set(names.values())) < MOST_SERVICES):
            names[credential] = service.name
    return names


def about_subscribers(
    rows: "Sequence[Registration]", names: dict[str, str], head: Position, now: float
) -> Iterator[Value]:
    """How many there are of each service, how far the slowest is behind, and how long the quietest has been silent.

    ``now`` is in seconds of the wall clock. What has lapsed is counted and otherwise left out.
    """
    numbers: Counter[tuple[str, str]] = Counter()
    lag: defaultdict[str, int] = defaultdict(int)
    silence: defaultdict[str, float] = defaultdict(float)
    for row in rows:
        service = SERVERS if row.credential is None else names.get(row.credential, OTHERS)
        if row.lapsed_at is not None:
            numbers[service, "lapsed"] += 1
            continue
        numbers[service, "active"] += 1
        lag[service] = max(lag[service], _lag(row, head))
        silence[service] = max(silence[service], now - row.heard_at.timestamp())
    yield from labelled("coatcheck_subscribers", numbers.items())
    yield from labelled("coatcheck_subscriber_lag_events", (((name,), each) for name, each in lag.items()))
    yield from labelled("coatcheck_subscriber_silence_seconds", (((name,), each) for name, each in silence.items()))


def _lag(row: "Registration", head: Position) -> int:
    """Events that it has not confirmed; all of them when what it confirmed is of another epoch."""
    known = row.acknowledged or row.since
    return head.seq - known.seq if known.epoch == head.epoch else head.seq
