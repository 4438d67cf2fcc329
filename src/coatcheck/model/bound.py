"""W, the bound of the protocol: how long a lease can last, on whatever clock."""

from collections.abc import Iterable

from coatcheck.model.event import Head
from coatcheck.model.subscriber import Registration


def bound(lease_ms: float, drift: float) -> float:
    """W in seconds: a lease of ``lease_ms`` on the slowest clock, as the fastest clock counts it."""
    return lease_ms / 1000 * (1 + drift) / (1 - drift)


def bound_of(head: Head, registrations: Iterable[Registration], *, is_settled: bool) -> float:
    """W in seconds for everybody who may hold a lease (rules 2, 14 and 17).

    In a settled epoch those are the ``registrations``, each with the largest lease granted to it, or about to be. In a
    young one there may be others, whom a restore took off the list: every lease that there ever was may be in force.
    """
    leases = [head.lease_ms, *(row.lease_ms for row in registrations)]
    if not is_settled:
        leases.append(head.longest_lease_ms)
    return bound(max(leases), head.drift)
