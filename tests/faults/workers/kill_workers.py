"""FT-01: ``kill -9`` of any worker at any moment, under load. Nothing acknowledged is lost, nothing ended revives."""

import os
import random
import signal
import time
from pathlib import Path
from typing import Any

from tests.faults.ending import hold_clean_end
from tests.faults.history import History
from tests.faults.people import people_at_work
from tests.serving import Serving, command_line

LEASE = 2.0
BOUND = LEASE * 1.1 / 0.9


def run(folder: Path, *, kills: int, clients: int = 8, seed: int = 0, **environment: str) -> dict[str, Any]:
    """Kill ``kills`` workers at random while ``clients`` log in, check, refresh and log out; return the figures.
    ``environment`` may name another database than a SQLite file.

    Raises AssertionError naming every violation.
    """
    dice = random.Random(seed)
    history = History(BOUND)
    back: list[float] = []
    with Serving(folder, COATCHECK_REVOCATION_LEASE=f"{int(LEASE)}s", **environment) as serving:
        with people_at_work(serving, history, clients, seed):
            for _ in range(kills):
                time.sleep(dice.uniform(0.0, 0.6))
                back.append(_kill_one(serving, dice))
        hold_clean_end(serving, history)
    assert not history.violations, "\n".join(history.violations[:20])
    return {
        "kills": kills,
        "answers": history.answers,
        "accepted": history.accepted,
        "refused": history.refused,
        "without an answer": history.unknown,
        "answered 503": history.unavailable,
        "endings": history.endings,
        "slowest barrier, s": round(max(history.barriers, default=0.0), 2),
        "longest run of errors, s": round(history.longest_trouble(), 2),
        "replaced within, s (median)": round(sorted(back)[len(back) // 2], 2),
        "replaced within, s (most)": round(max(back), 2),
        "violations of I1-I7": len(history.violations),
    }


def _kill_one(serving: Serving, dice: random.Random) -> float:
    """Kill a worker and return after how many seconds another one has registered in its place."""
    victim = dice.choice(serving.worker_pids())
    name = next((each for each in serving.registered() if each.encode() in command_line(victim)), "")
    os.kill(victim, signal.SIGKILL)
    return serving.wait_for_registrations(without=frozenset((name,)))
