"""FT-04, FT-05: the Redis that workers share is killed, or fails over to a replica that lags behind, under load.

Nothing acknowledged is lost and nothing ended revives: the log is in SQL. What Redis itself loses of what it had
acknowledged is measured, since attempt counters lie there.
"""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from tests.faults.ending import hold_clean_end
from tests.faults.history import History
from tests.faults.people import people_at_work
from tests.redis.servers import until
from tests.redis_server import RedisServer
from tests.relay import Relay
from tests.serving import Serving

LEASE = 2.0
BOUND = LEASE * 1.1 / 0.9
MODES = ("no AOF", "everysec", "always")
LAG = 2.0
"""Seconds that replication is late."""

REST = (1.0, 7.0)
"""Seconds between two faults: workers use Redis again 3 to 4.5 s after it was lost."""


def kills(
    folder: Path,
    *,
    rounds: int,
    clients: int = 6,
    modes: tuple[str, ...] = MODES,
    rest: tuple[float, float] = REST,
    seed: int = 0,
) -> dict[str, Any]:
    """FT-04: kill Redis ``rounds`` times in each mode of durability. Raises AssertionError naming every violation."""
    dice, figures = random.Random(seed), dict[str, Any]()
    for mode in modes:
        aof = {} if mode == "no AOF" else {"appendonly": "yes", "appendfsync": mode}
        server = RedisServer(folder / mode.replace(" ", "-"), **aof)
        server.start()
        losses, hits = [], 0
        with _people(server.folder, server.url, clients, seed) as history, _Probe(server.port) as probe:
            for _ in range(rounds):
                time.sleep(dice.uniform(*rest))
                hits += _hits(server.port)
                server.kill()
                acknowledged = probe.acknowledged
                time.sleep(dice.uniform(0.0, 0.5))
                server.start()
                losses.append(acknowledged - _counted(server.port))
        server.stop()
        _require(history, hits)
        figures[f"{mode}: kills"] = rounds
        figures[f"{mode}: records found in Redis"] = hits
        figures[f"{mode}: acknowledged counts lost, in all"] = sum(max(0, loss) for loss in losses)
        figures[f"{mode}: and at most, in one kill"] = max(losses)
        figures[f"{mode}: endings"] = history.endings
        figures[f"{mode}: slowest barrier, s"] = round(max(history.barriers, default=0.0), 2)
        figures[f"{mode}: violations of I1-I7"] = len(history.violations)
    return figures


def failovers(
    folder: Path,
    *,
    rounds: int,
    clients: int = 6,
    lag: float = LAG,
    rest: tuple[float, float] = REST,
    seed: int = 0,
) -> dict[str, Any]:
    """FT-05: fail over ``rounds`` times to a replica that is ``lag`` seconds behind. Raises as ``kills`` does."""
    dice = random.Random(seed)
    master, replica = RedisServer(folder / "one"), RedisServer(folder / "two")
    for server in (master, replica):
        server.start()
    losses, hits = [], 0
    with Relay(master.port) as front, Relay(master.port, delay=lag) as link:
        url = f"redis://127.0.0.1:{front.port}/0"
        with _people(folder, url, clients, seed) as history, _Probe(front.port) as probe:
            for _ in range(rounds):
                with replica.client() as client:
                    client.replicaof("127.0.0.1", str(link.port))
                    until(lambda client=client: client.info("replication")["master_link_status"] == "up")  # type: ignore[misc]
                time.sleep(lag + dice.uniform(*rest))
                hits += _hits(master.port)
                master.kill()
                acknowledged = probe.acknowledged
                with replica.client() as client:
                    client.replicaof("NO", "ONE")
                losses.append(acknowledged - _counted(replica.port))
                front.target = link.target = replica.port
                master.start()
                master, replica = replica, master
    for server in (master, replica):
        server.stop()
    _require(history, hits)
    return {
        "failovers": rounds,
        "replication is late by, s": lag,
        "records found in Redis": hits,
        "acknowledged counts lost, at most": max(losses),
        "answers": history.answers,
        "accepted": history.accepted,
        "refused": history.refused,
        "endings": history.endings,
        "slowest barrier, s": round(max(history.barriers, default=0.0), 2),
        "violations of I1-I7": len(history.violations),
    }


@contextmanager
def _people(folder: Path, url: str, clients: int, seed: int) -> Iterator[History]:
    """People who log in, check, refresh and log out at workers that share the Redis at ``url``."""
    history = History(BOUND)
    with Serving(folder, COATCHECK_REVOCATION_LEASE=f"{int(LEASE)}s", COATCHECK_CACHE_URL=url) as serving:
        with people_at_work(serving, history, clients, seed):
            yield history
        hold_clean_end(serving, history)


class _Probe:
    """Counts in Redis all the time, and notes what was acknowledged."""

    def __init__(self, port: int) -> None:
        self.acknowledged = 0
        self._client = redis.Redis(port=port, socket_timeout=0.5)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._count, daemon=True)

    def __enter__(self) -> "_Probe":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()
        self._client.close()

    def _count(self) -> None:
        while not self._is_over.wait(0.001):
            try:
                self.acknowledged = int(self._client.incr("probe"))  # type: ignore[arg-type]
            except redis.RedisError:
                continue


def _hits(port: int) -> int:
    with redis.Redis(port=port) as client:
        return int(client.info("stats")["keyspace_hits"])  # type: ignore[index]


def _counted(port: int) -> int:
    with redis.Redis(port=port) as client:
        return int(client.get("probe") or 0)  # type: ignore[arg-type]


def _require(history: History, hits: int) -> None:
    assert not history.violations, "\n".join(history.violations[:20])
    assert hits, "Redis was not used at all"
