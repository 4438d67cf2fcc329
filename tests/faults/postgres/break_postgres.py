"""FT-03: PostgreSQL ends at once, or is killed, or ends connections, under load, beneath two servers that go on.

Nothing acknowledged is lost, nothing ended revives, and nobody has to start anything again but the database.
"""

import random
import signal
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg

from tests.faults.allowance import allowed
from tests.faults.history import History
from tests.faults.people import people_at_work
from tests.faults.workers.kill_workers import BOUND, LEASE
from tests.postgres import PostgresServer
from tests.serving import Several

RECOVERS_WITHIN = 5.0
"""Seconds from when the database lets somebody in until every server logs people in again."""

WAYS = ("kill -9 of the postmaster", "stop -m immediate", "every connection ended")
ENDED = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'coatcheck'"


def run(folder: Path, *, rounds: int, clients: int = 6, down_for: float = 2.0, seed: int = 0) -> dict[str, Any]:
    """Break it ``rounds`` times, in each way in turn; return the figures. Raises AssertionError naming every
    violation."""
    dice, history = random.Random(seed), History(BOUND)
    back: list[float] = []
    ways: Counter[str] = Counter()
    with (
        PostgresServer(folder / "postgres", durable=True) as postgres,
        Several(folder, postgres.new_database(), COATCHECK_REVOCATION_LEASE=f"{int(LEASE)}s") as servers,
    ):
        with people_at_work(servers, history, clients, seed):
            time.sleep(1)
            for turn in range(rounds):
                time.sleep(dice.uniform(0.2, 1.5))
                way = WAYS[turn % len(WAYS)]
                ways[way] += 1
                _break(postgres, way, dice.uniform(0.0, down_for))
                back.append(_seconds_until_it_works(servers))
        names = servers.registered()
        code = servers.stop()
        left = servers.registered()
        settled = [log for log in postgres.log.splitlines() if "deadlock detected" in log]
    history.hold("I7", "Traceback" not in servers.output, servers.output[-3000:])
    history.hold("end", code == 0 and not left, f"code {code}, left: {left}")
    history.hold("rule 1", not settled, f"{len(settled)} deadlocks")
    history.hold("FT-03", max(back) <= allowed(RECOVERS_WITHIN), f"recovered after {max(back):.1f} s")
    assert not history.violations, "\n".join([f"seed {seed}, {names}", *history.violations[:20]])
    return {
        **{f"{way}, times": count for way, count in ways.items()},
        "answers": history.answers,
        "accepted": history.accepted,
        "refused": history.refused,
        "answered 503": history.unavailable,
        "without an answer": history.unknown,
        "endings": history.endings,
        "acknowledged endings lost": sum(each.startswith("I1") for each in history.violations),
        "logged in again after, s (median)": round(sorted(back)[len(back) // 2], 2),
        "logged in again after, s (most)": round(max(back), 2),
        "violations of I1-I7": len(history.violations),
    }


def _break(postgres: PostgresServer, way: str, down_for: float) -> None:
    if way == WAYS[2]:
        with suppress(psycopg.Error), psycopg.connect(postgres.url, autocommit=True) as connection:
            connection.execute(ENDED)
        return
    if way == WAYS[0]:
        postgres.kill()
    else:
        postgres.stop(mode=signal.SIGQUIT)
    time.sleep(down_for)
    postgres.start()


def _seconds_until_it_works(servers: Several) -> float:
    began = time.monotonic()
    for server in servers.servers:
        while server.log_in("person0@example.com", carry="header").status != 200:
            assert time.monotonic() - began < 120, "it does not recover"
            time.sleep(0.02)
    return time.monotonic() - began
