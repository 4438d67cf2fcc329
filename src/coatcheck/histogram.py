"""HOW LONG DID IT TAKE, how often?  Counted in buckets, as Prometheus adds them up (``docs/metrics.md``)."""

from bisect import bisect_left
from typing import Final

from msgspec import Struct, field

BOUNDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""The upper bounds of the buckets, in seconds; beyond the last one there is another."""


class Histogram(Struct):
    """``buckets[i]`` counts what took at most ``BOUNDS[i]`` seconds and longer than the bound before; ``sum`` is all of
    it together, in seconds."""

    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    sum: float = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.sum += seconds

    def plus(self, other: "Histogram") -> "Histogram":
        """Both together."""
        added = [mine + theirs for mine, theirs in zip(self.buckets, other.buckets, strict=True)]
        return Histogram(added, self.sum + other.sum)
