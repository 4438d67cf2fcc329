"""W, the bound of the protocol: how long a lease can last, on whatever clock."""


def bound(lease_ms: float, drift: float) -> float:
    """W in seconds: a lease of ``lease_ms`` on the slowest clock, as the fastest clock counts it."""
    return lease_ms / 1000 * (1 + drift) / (1 - drift)
