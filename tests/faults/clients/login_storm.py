"""FT-13: guesses at ten times the rate at which passwords can be hashed, from everywhere, beside people at work.

Few hashes run at once, memory is bounded, whoever can't be served is told soon, checks go on, the owner of an account
that is being guessed gets in from a device that is known, and nobody is logged out.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.faults.allowance import allowed
from tests.faults.clients.guessing import Guessing
from tests.faults.ending import hold_clean_end
from tests.faults.history import History
from tests.faults.watching import Watch, at_work
from tests.serving import Serving

WORKERS = 2
TIMES_CAPACITY = 10
MEMORY_KIB = 19_456
"""Of one hash: what is given where nothing else is said."""

SPARE_KIB = 64 * 1024
REFUSED_WITHIN = 2.0
WRONG = "login.refused"
CHECKS_A_SECOND = 200
CHECKERS = 4
PEOPLE = 10
GUESSES_A_SECOND = 300
"""At least, where the capacity was measured in a bad moment of the machine."""

STRANGERS = 200
"""Twice as many as can wait for a hash in both workers: there is always one left who can guess."""

AS_IN_PRODUCTION = {
    "COATCHECK_PASSWORDS_MEMORY_KIB": str(MEMORY_KIB),
    "COATCHECK_PASSWORDS_ITERATIONS": "2",
    "COATCHECK_PASSWORDS_WORKERS": "1",
    "COATCHECK_ATTEMPTS_PER_ACCOUNT": "10",
    "COATCHECK_ATTEMPTS_PER_DEVICE": "10",
    "COATCHECK_ATTEMPTS_PER_ADDRESS": "100",
}


def run(folder: Path, *, seconds: float = 30.0, queue: int = 64, seed: int = 0, **environment: str) -> dict[str, Any]:
    """A storm of so many ``seconds``; return the figures. ``queue`` is how many hashes may wait in a worker;
    ``environment`` may name another database than a SQLite file.

    Raises AssertionError naming every violation.
    """
    history = History(bound=0.0)
    environment |= AS_IN_PRODUCTION | {"COATCHECK_PASSWORDS_QUEUE": str(queue)}
    with Serving(folder, WORKERS, **environment) as serving:
        watch = _Watch(serving.worker_pids())
        people = _People(serving, history)
        capacity = _capacity(serving, min(seconds, 3.0), seed)
        with people.at_work("calm"):
            time.sleep(min(seconds, 10.0))
        with people.at_work("storm"), watch:
            rate = max(TIMES_CAPACITY * capacity, GUESSES_A_SECOND)
            guessing = Guessing(serving, STRANGERS, seconds, seed, rate=rate, email=people.owner, share=0.5)
            guesses = guessing.end()
        history.violations += guesses.violations
        people.settle()
        hold_clean_end(serving, history)
    refused = max(took for code, each in guesses.took.items() if code != WRONG for took in each)
    history.hold("FT-13", refused <= allowed(REFUSED_WITHIN), f"refused after {refused:.1f} s")
    history.hold("FT-13", watch.hashing == 1, f"{watch.hashing} threads of a worker hash")
    grown = watch.grown_kib
    history.hold("FT-13", grown <= MEMORY_KIB + SPARE_KIB, f"a worker took {grown} KiB more")
    figures = {
        "passwords hashed a second, calm": round(capacity, 1),
        "guesses a second ÷ that": round(guesses.count / seconds / capacity, 1),
        **{f"guesses: {code}": len(each) for code, each in sorted(guesses.took.items())},
        "slowest refusal (429, 503), s": round(refused, 2),
        **people.figures(),
        "hashes at once in a worker, at most": watch.hashing,
        "a worker's memory above idle, MiB": grown // 1024,
    }
    assert not history.violations, "\n".join([str(figures), *history.violations[:20]])
    return {**figures, "violations": len(history.violations)}


def _capacity(serving: Serving, seconds: float, seed: int) -> float:
    """How many passwords a second are hashed when nothing else is done. So few guess that nobody is refused."""
    guesses = Guessing(serving, 6 * WORKERS, seconds, seed + 1).end()
    assert set(guesses.took) == {WRONG}, guesses
    return guesses.count / seconds


class _People:
    """An owner who logs in again and again from a known device, somebody whose login is checked all the time, and
    some who only want to stay logged in."""

    owner = "owner@example.com"

    def __init__(self, serving: Serving, history: History) -> None:
        self._serving, self._history = serving, history
        answers = [serving.register(f"person{n}@example.com", carry="tokens") for n in range(PEOPLE)]
        owner = serving.register(self.owner, carry="tokens")
        assert {answer.status for answer in (owner, *answers)} == {201}, answers
        self._tokens = [answer.body["access_token"] for answer in answers]
        self._device_token = owner.body["device_token"]
        self._checks: dict[str, list[float]] = {}
        self._logins: dict[str, list[float]] = {}

    @contextmanager
    def at_work(self, when: str) -> Iterator[None]:
        """Until the block ends."""
        self._checks[when], self._logins[when] = [], []
        is_over = threading.Event()
        threads = [threading.Thread(target=self._check, args=(when, is_over)) for _ in range(CHECKERS)]
        threads.append(threading.Thread(target=self._log_in, args=(when, is_over)))
        with at_work(threads, is_over):
            yield

    def settle(self) -> None:
        """Nobody was logged out."""
        for token in self._tokens:
            answer = self._serving.me(token)
            self._history.hold("I3", answer.status == 200, f"{answer.status} {answer.body}")

    def figures(self) -> dict[str, Any]:
        """What is worth telling."""
        p99 = {when: 1000 * sorted(took)[len(took) * 99 // 100] for when, took in self._checks.items()}
        return {
            "the owner's logins in the storm": len(self._logins["storm"]),
            "the slowest of them, s": round(max(self._logins["storm"]), 2),
            "checks in the storm": len(self._checks["storm"]),
            "a check, p99, calm, ms": round(p99["calm"], 1),
            "a check, p99, in the storm, ms": round(p99["storm"], 1),
            "a check, p99, storm ÷ calm": round(p99["storm"] / p99["calm"], 1),
        }

    def _check(self, when: str, is_over: threading.Event) -> None:
        while not is_over.wait(CHECKERS / CHECKS_A_SECOND):
            answer = self._serving.call("GET", "check?identity=headers", token=self._tokens[0])
            self._history.hold("I6", answer.status == 204, f"{when}: a check got {answer.status} {answer.body}")
            self._checks[when].append(answer.ended - answer.began)

    def _log_in(self, when: str, is_over: threading.Event) -> None:
        while not is_over.wait(0.2):
            answer = self._serving.log_in(self.owner, carry="header", device_token=self._device_token)
            self._history.hold("FT-13", answer.status == 200, f"{when}: the owner got {answer.status} {answer.body}")
            self._logins[when].append(answer.ended - answer.began)


class _Watch(Watch):
    """What the kernel says of the workers: threads of low priority, which hash, and memory."""

    def __init__(self, pids: list[int]) -> None:
        super().__init__(every=0.1)
        self._idle = {pid: _kib(pid, "VmRSS") for pid in pids}
        self.hashing = 0
        self.grown_kib = 0

    def look(self) -> None:
        for pid, idle in self._idle.items():
            nice = [_nice(stat) for stat in Path(f"/proc/{pid}/task").glob("*/stat")]
            self.hashing = max(self.hashing, sum(each > min(nice) for each in nice))
            self.grown_kib = max(self.grown_kib, _kib(pid, "VmHWM") - idle)


def _nice(stat: Path) -> int:
    """proc(5): the 19th field, the 17th after the name, which may have spaces in it."""
    return int(stat.read_text().rpartition(")")[2].split()[16])


def _kib(pid: int, name: str) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition(f"\n{name}:")[2].split()[0])
