"""FT-14: 2,000 connections of clients that take their time, beside people who don't.

Heads that never end are closed within ten seconds, bodies and answers that are not read have their own deadlines, every
worker keeps a fifth of its descriptors, and whoever is not slow is served as ever.
"""

import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.faults.allowance import allowed
from tests.faults.clients.dawdling import Dawdling
from tests.faults.ending import hold_clean_end
from tests.faults.history import History
from tests.faults.watching import Watch
from tests.serving import Answer, Serving

WORKERS = 2
DESCRIPTORS = 4096
"""What a worker may open: twice what it takes when half of them come to it."""

A_SECOND = 50
A_LOGIN_EACH = 10
THREADS = 10
HEAD_WITHIN = 10.0
BODY_WITHIN = 30.0 + 5.0 + 10.0
"""Seconds: for the body, for what else is sent after it was refused to begin, and for that to end."""

MARGIN = 2.5
SERVED = 0.999


def run(folder: Path, *, connections: int = 2000, seconds: float = 60.0, seed: int = 0) -> dict[str, Any]:
    """So many slow clients for so long; return the figures. Raises AssertionError naming every violation."""
    history = History(bound=0.0)
    each = connections // 3
    with _descriptors(DESCRIPTORS):
        serving = Serving(folder, WORKERS)
        serving.start()
    try:
        people = _People(serving)
        idle = people.work(min(seconds / 4, 15.0))
        watch = _Watch(serving.worker_pids())
        heads = connections - 2 * each
        dawdling = Dawdling(
            serving, heads=heads, bodies=each, readers=each, greedy=each // 30, seconds=seconds, seed=seed
        )
        with watch:
            beset = people.work(seconds)
            dawdled = dawdling.end()
    finally:
        hold_clean_end(serving, history)
    asked = [answer for each in beset.values() for answer in each]
    served = sum(answer.status in (200, 204) for answer in asked) / len(asked)
    slowest = {kind: max(held, default=0.0) for kind, held in dawdled.held.items()}
    history.hold("FT-14", served >= SERVED, f"{served:.2%} served: { {answer.status for answer in asked} }")
    history.hold("FT-14", slowest["head"] <= HEAD_WITHIN + allowed(MARGIN), f"a head had {slowest['head']:.1f} s")
    history.hold("FT-14", slowest["body"] <= BODY_WITHIN + allowed(MARGIN), f"a body had {slowest['body']:.1f} s")
    history.hold("FT-14", watch.most <= DESCRIPTORS * 0.8, f"a worker had {watch.most} descriptors")
    history.hold("FT-14", len(dawdled.held["head"]) >= heads / 2, f"{len(dawdled.held['head'])} heads were closed")
    figures = {
        "slow clients at a time": connections,
        "connections they made": dawdled.opened,
        **{
            f"{kind}: closed, told {status}": count
            for kind, told in dawdled.told.items()
            for status, count in sorted(told.items())
        },
        "slowest to be closed: a head, s": round(slowest["head"], 1),
        "slowest to be closed: a body, s": round(slowest["body"], 1),
        "answers not read: cut off": dawdled.cut_off,
        "descriptors of a worker, at most": watch.most,
        "of so many": DESCRIPTORS,
        "requests of others": len(asked),
        "of these served, %": round(100 * served, 2),
        **_compared(idle, beset),
    }
    assert not history.violations, "\n".join([str(figures), *history.violations[:20]])
    return {**figures, "violations": len(history.violations)}


class _People:
    """Fifty requests a second, each over a connection of its own: checks, and a login now and then."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        serving.register("ann@example.com")  # her oldest logins end when there are a hundred
        self._token = serving.register("ben@example.com", carry="tokens").body["access_token"]
        self._lock = threading.Lock()

    def work(self, seconds: float) -> dict[str, list[Answer]]:
        """For so long; the answers to what."""
        answers: dict[str, list[Answer]] = {"checks": [], "logins": []}
        began, count, turns = time.monotonic(), int(seconds * A_SECOND), iter(range(int(seconds * A_SECOND)))

        def person() -> None:
            while True:
                with self._lock:
                    turn = next(turns, count)
                if turn == count:
                    return
                time.sleep(max(0.0, began + turn / A_SECOND - time.monotonic()))
                if turn % A_LOGIN_EACH == 0:
                    answers["logins"].append(self._serving.log_in("ann@example.com", carry="header"))
                else:
                    checked = self._serving.call("GET", "check?identity=headers", token=self._token)
                    answers["checks"].append(checked)

        threads = [threading.Thread(target=person) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers


class _Watch(Watch):
    """The most descriptors that a worker had open."""

    def __init__(self, pids: list[int]) -> None:
        super().__init__(every=0.25)
        self._pids = pids
        self.most = 0

    def look(self) -> None:
        self.most = max(self.most, *(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in self._pids))


@contextmanager
def _descriptors(most: int) -> Iterator[None]:
    """Whatever is started meanwhile may open so many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _compared(idle: dict[str, list[Answer]], beset: dict[str, list[Answer]]) -> dict[str, float]:
    figures = {}
    for name, kinds in (("all", tuple(idle)), *((kind, (kind,)) for kind in idle)):
        calm, busy = (_p99([answer for kind in kinds for answer in each[kind]]) for each in (idle, beset))
        figures[f"{name}: p99 idle, ms"] = round(calm, 1)
        figures[f"{name}: p99 beset, ms"] = round(busy, 1)
        figures[f"{name}: p99 beset ÷ idle"] = round(busy / calm, 1)
    return figures


def _p99(answers: list[Answer]) -> float:
    took = sorted(answer.ended - answer.began for answer in answers)
    return 1000 * took[len(took) * 99 // 100]
