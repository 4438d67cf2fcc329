"""Strangers who guess passwords, each time from another address: ``python -m tests.faults.clients.guessing``.

They live in a process of their own, so that what they take from Python is not taken from whoever measures. The process
reads a ``Task`` from its standard input and writes what became of it (``Guesses``).
"""

import random
import sys
import threading
import time
from collections import defaultdict
from http.client import HTTPConnection

import msgspec
from msgspec import Struct

from tests.faults.clients.apart import Apart
from tests.faults.history import History
from tests.serving import Serving, exchange


class Task(Struct):
    """So many ``strangers`` guess for ``seconds``, ``rate`` times a second in all, or as often as they are answered.
    A ``share`` of the guesses is about ``email``, the others about people who are none."""

    port: int
    strangers: int
    seconds: float
    seed: int
    rate: float | None = None
    email: str = ""
    share: float = 0.0


class Guesses(Struct):
    """The seconds after which each answer came, by its code, and what should not have been."""

    took: dict[str, list[float]]
    violations: list[str]

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(map(len, self.took.values()))


class Guessing:
    """A process that guesses, from the beginning."""

    def __init__(self, serving: Serving, strangers: int, seconds: float, seed: int, **more: float | str) -> None:
        task = {"port": serving.port, "strangers": strangers, "seed": seed, **more}
        self._apart = Apart("tests.faults.clients.guessing", seconds, **task)

    def end(self) -> Guesses:
        """Wait until all are answered."""
        return self._apart.end(Guesses)


def guess(task: Task) -> Guesses:
    """Do it."""
    history, took = History(bound=0.0), defaultdict[str, list[float]](list)
    dice, lock = random.Random(task.seed), threading.Lock()
    began = due = time.monotonic()

    def turn() -> tuple[float, str, str]:
        nonlocal due
        with lock:
            due += 1 / task.rate if task.rate else 0.0
            email = task.email if dice.random() < task.share else f"{dice.getrandbits(64):x}@example.com"
            return due, email, f"127.{dice.randrange(1, 255)}.{dice.randrange(256)}.{dice.randrange(1, 255)}"

    def stranger() -> None:
        while True:
            at, email, address = turn()
            time.sleep(max(0.0, at - time.monotonic()))
            asked = time.monotonic()
            if asked - began >= task.seconds:
                return
            connection = HTTPConnection("127.0.0.1", task.port, timeout=30, source_address=(address, 0))
            body = {"email": email, "password": "four grey geese that nobody knows"}
            answer = history.heard(exchange(connection, "POST", "login", body, None, asked))
            connection.close()
            with lock:
                took[answer.body.get("code", "none")].append(answer.ended - asked)
            if answer.status in (429, 503):
                history.hold("FT-13", "retry-after" in answer.headers, f"{answer.status} without Retry-After")
            else:
                history.hold("FT-13", answer.status == 401, f"a wrong password got {answer.status} {answer.body}")

    threads = [threading.Thread(target=stranger) for _ in range(task.strangers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Guesses(took, history.violations[:20])


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(guess(msgspec.json.decode(sys.stdin.buffer.read(), type=Task))))
