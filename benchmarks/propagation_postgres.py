"""How fast an ending holds everywhere: eight processes on PostgreSQL, and with Redis beside it.

Measured as ``propagation`` does on SQLite: from the answer in the one process to the moment at which the last of the
others refuses, and all that a barrier takes. Without Redis NOTIFY wakes the others; with it Redis does too.
"""

import tempfile
from pathlib import Path

from benchmarks.figure import Figure, figure
from benchmarks.propagation import percentile, propagation
from tests.postgres import PostgresServer
from tests.redis_server import RedisServer


def measure(rounds: int = 200) -> dict[str, Figure]:
    """Milliseconds."""
    figures: dict[str, Figure] = {}
    with (
        tempfile.TemporaryDirectory(prefix="coatcheck-benchmark-") as folder,
        PostgresServer(Path(folder) / "postgres", durable=True) as postgres,
        RedisServer(Path(folder) / "redis") as redis,
    ):
        for name, cache, goal in (("PostgreSQL", None, None), ("PostgreSQL and Redis", redis.url, 10.0)):
            enforced, barriers = propagation(rounds, postgres.new_database(), cache)
            figures |= {
                f"{name}: enforced in all of 8 processes, p50": figure(percentile(enforced, 50), "ms"),
                f"{name}: enforced in all of 8 processes, p99": figure(percentile(enforced, 99), "ms", goal=goal),
                f"{name}: barrier over 8 processes, p50": figure(percentile(barriers, 50), "ms"),
                f"{name}: barrier over 8 processes, p99": figure(percentile(barriers, 99), "ms"),
            }
    return figures
