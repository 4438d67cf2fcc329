"""FT-10: PostgreSQL is slow, answers nobody, or keeps every connection busy. Whoever asks is told within seconds;
checks of what is known here don't notice."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

from coatcheck.stores.postgres.store import CONNECTIONS
from tests.faults.allowance import allowed
from tests.faults.ending import hold_clean_end
from tests.faults.history import History
from tests.faults.watching import at_work
from tests.postgres import PostgresServer
from tests.relay import Relay
from tests.serving import SECRET, Answer, Serving

PATIENCE = 3.0
"""Seconds within which whoever asks is told, however many questions to the store that takes."""

SPARE = 0.75
"""Seconds more for everything else, on a busy machine."""

RECOVERS_WITHIN = 5.0
DELAY = 0.25
"""Seconds by which each packet is late, there and back."""


def run(folder: Path, *, seconds: float = 30.0, clients: int = 4, seed: int = 0) -> dict[str, Any]:
    """Each trouble for so many ``seconds``; return the figures. Raises AssertionError naming every violation."""
    history, figures = History(bound=0.0), dict[str, Any]()
    with PostgresServer(folder / "postgres") as postgres, Relay(postgres.port) as relay:
        direct = postgres.new_database()
        through = urlunsplit(urlsplit(direct)._replace(netloc=f"postgres@127.0.0.1:{relay.port}"))
        with Serving(
            folder,
            1,
            COATCHECK_DATABASE_URL=through,
            COATCHECK_SECRETS=SECRET,
            COATCHECK_REVOCATION_LEASE=f"{int(2 * seconds) + 30}s",
        ) as serving:
            crowd = _Crowd(serving, history, clients, seed)
            crowd.log_in()
            with crowd.at_work("calm"):
                time.sleep(min(seconds, 10.0))
            for trouble, broken in (
                (f"{2000 * DELAY:.0f} ms a question", partial(_slow, relay)),
                ("no answer", partial(_paused, postgres)),
                ("all connections busy", partial(_busy, direct)),
            ):
                with crowd.at_work(trouble):
                    with broken():
                        time.sleep(seconds)
                    back = _seconds_until(lambda: crowd.answer("login").status == 200)
                figures[f"{trouble}: works again after, s"] = round(back, 2)
                history.hold("FT-10", back <= allowed(RECOVERS_WITHIN), f"{trouble}: works again after {back:.1f} s")
            crowd.judge()
            figures |= crowd.figures()
            with psycopg.connect(direct) as looking:
                ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'coatcheck'"
                ((connections,),) = looking.execute(ours)
                stuck = f"{ours} AND xact_start < now() - interval '6 s'"
                ((transactions,),) = looking.execute(stuck)
            history.hold("leak", connections <= CONNECTIONS, f"{connections} connections")
            history.hold("leak", transactions == 0, f"{transactions} old transactions")
            hold_clean_end(serving, history)
    assert not history.violations, "\n".join([str(figures), *history.violations[:20]])
    return {**figures, "connections afterwards": connections, "violations": len(history.violations)}


class _Crowd:
    """Some who log in and out, and two who only check a token."""

    def __init__(self, serving: Serving, history: History, clients: int, seed: int) -> None:
        self._serving, self._history, self._clients = serving, history, clients
        self._dice = random.Random(seed)
        self._token = ""
        self._took: dict[str, dict[str, list[float]]] = {}
        self._statuses: dict[str, Counter[int | None]] = {}

    def log_in(self) -> None:
        """The one who logs in again and again, and the one whose login is checked: no limit shall end it."""
        assert self._serving.register("ann@example.com", carry="header").status == 201
        answer = self._serving.register("keeper@example.com", carry="tokens")
        assert answer.status == 201, answer
        self._token = answer.body["access_token"]

    def answer(self, deed: str) -> Answer:
        """Do it once."""
        match deed:
            case "check":
                return self._serving.call("GET", "check?identity=headers", token=self._token)
            case "login":
                return self._serving.log_in("ann@example.com", carry="header")
            case "register":
                return self._serving.register(f"{self._dice.random()}@example.com", carry="header")
            case _:
                login = self._serving.log_in("ann@example.com", carry="header")
                if login.status != 200:
                    return login
                return self._serving.call("POST", "logout", {"scope": "this"}, login.body["session_token"])

    @contextmanager
    def at_work(self, when: str) -> Iterator[None]:
        """Everybody asks all the time."""
        took: dict[str, list[float]] = {"check": [], "login": [], "register": [], "logout": []}
        self._took[when], self._statuses[when] = took, Counter()
        is_over = threading.Event()

        def work(*deeds: str) -> None:
            while not is_over.wait(0.005):
                deed = random.choice(deeds)
                answer = self._history.heard(self.answer(deed))
                took[deed].append(answer.ended - answer.began)
                if deed == "check":
                    self._history.hold("local", answer.status == 204, f"{when}: a check got {answer.status}")
                else:
                    self._statuses[when][answer.status] += 1

        threads = [threading.Thread(target=work, args=("login", "register", "logout")) for _ in range(self._clients)]
        threads += [threading.Thread(target=work, args=("check",)) for _ in range(2)]
        with at_work(threads, is_over):
            yield

    def judge(self) -> None:
        """Hold what was heard against what is promised."""
        for when, took in self._took.items():
            for deed, each in took.items():
                slowest = max(each, default=0.0)
                is_in_time = slowest <= PATIENCE + allowed(SPARE)
                self._history.hold("FT-10", is_in_time, f"{when}: a {deed} took {slowest:.1f} s")

    def figures(self) -> dict[str, Any]:
        """What is worth telling."""
        figures: dict[str, Any] = {}
        for when, took in self._took.items():
            changing = [each for deed, all_of_it in took.items() if deed != "check" for each in all_of_it]
            checks = sorted(took["check"])
            said = " ".join(f"{count}×{status}" for status, count in sorted(self._statuses[when].items(), key=str))
            figures[f"{when}: logins and the like"] = said
            figures[f"{when}: slowest answer, s"] = round(max(changing), 2)
            figures[f"{when}: local checks"] = len(checks)
            figures[f"{when}: a local check, p99, ms"] = round(1000 * checks[len(checks) * 99 // 100], 1)
        return figures


@contextmanager
def _slow(relay: Relay) -> Iterator[None]:
    relay.delay = DELAY
    yield
    relay.delay = 0.0


@contextmanager
def _paused(postgres: PostgresServer) -> Iterator[None]:
    postgres.pause()
    yield
    postgres.resume()


@contextmanager
def _busy(url: str) -> Iterator[None]:
    with psycopg.connect(url) as holding:
        holding.execute("LOCK TABLE coatcheck_users IN ACCESS EXCLUSIVE MODE")
        yield
        holding.rollback()


def _seconds_until(is_so: Callable[[], bool]) -> float:
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < 120, "it does not recover"
        time.sleep(0.02)
    return time.monotonic() - began
