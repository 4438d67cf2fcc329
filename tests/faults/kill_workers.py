"""FT-01: ``kill -9`` of any worker at any moment, under load. Nothing acknowledged is lost, nothing ended revives."""

import os
import random
import signal
import threading
import time
from pathlib import Path
from typing import Any

from tests.faults.history import History, Login
from tests.faults.serving import Answer, Asked, Serving, command_line

LEASE = 2.0
BOUND = LEASE * 1.1 / 0.9
RETRY_FOR = 8.0
"""Seconds: below the refresh token's grace of ten."""


def run(folder: Path, *, kills: int, clients: int = 8, seed: int = 0, **environment: str) -> dict[str, Any]:
    """Kill ``kills`` workers at random while ``clients`` log in, check, refresh and log out; return the figures.
    ``environment`` may name another database than a SQLite file.

    Raises AssertionError naming every violation.
    """
    dice = random.Random(seed)
    history = History(BOUND)
    back: list[float] = []
    with Serving(folder, COATCHECK_REVOCATION_LEASE=f"{int(LEASE)}s", **environment) as serving:
        is_over = threading.Event()
        people = [Person(serving, history, f"person{n}@example.com", seed + n, is_over) for n in range(clients)]
        for person in people:
            person.start()
        for _ in range(kills):
            time.sleep(dice.uniform(0.0, 0.6))
            back.append(_kill_one(serving, dice))
        is_over.set()
        for person in people:
            person.join()
        for person in people:
            person.settle()
        code = serving.stop()
    output = serving.output.read_text()
    history.hold("I7", "Traceback" not in output, output[-2000:])
    history.hold("end", code == 0 and not serving.registered(), f"code {code}, left: {serving.registered()}")
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


class Person(threading.Thread):
    """One user with several logins. Every call that may be repeated is repeated until its outcome is known."""

    def __init__(self, serving: Asked, history: History, email: str, seed: int, is_over: threading.Event) -> None:
        super().__init__(daemon=True)
        self._serving = serving
        self._history = history
        self._email = email
        self._dice = random.Random(seed)
        self._is_over = is_over
        self._logins: list[Login] = []

    def run(self) -> None:
        while not self._is_over.is_set():
            answer = self._history.heard(self._serving.register(self._email, carry="header"))
            if answer.status == 201:
                self._logins.append(Login(self._email, [answer.body["session_token"]], answer.ended))
            if answer.status in (201, 409):  # 409: the answer to an earlier try was lost
                break
        while not self._is_over.wait(0.01):
            alive = [login for login in self._logins if login.ending_began == float("inf")]
            deed = self._dice.choices(("check", "old", "login", "refresh", "end"), (60, 10, 8, 12, 10))[0]
            if deed == "login" or not alive:
                self._log_in()
            elif deed == "end" and len(alive) > 1:
                self._end(self._dice.choice(alive))
            elif deed == "refresh":
                self._refresh([login for login in alive if len(login.tokens) == 2])
            else:
                self._check(self._dice.choice(self._logins if deed == "old" else alive))

    def settle(self) -> None:
        """At the end, with everything calm: what lives is accepted, what ended is refused."""
        for login in self._logins:
            self._check(login)

    def _check(self, login: Login) -> None:
        self._history.checked(login, self._serving.me(login.tokens[0]))

    def _log_in(self) -> None:
        carry = self._dice.choice(("header", "tokens"))
        answer = self._history.heard(self._serving.log_in(self._email, carry=carry))
        if answer.status == 200:
            body = answer.body
            tokens = [body["session_token"]] if carry == "header" else [body["access_token"], body["refresh_token"]]
            self._logins.append(Login(self._email, tokens, answer.ended))

    def _refresh(self, logins: list[Login]) -> None:
        if not logins:
            return
        login = self._dice.choice(logins)
        token = login.tokens[1]
        answer = self._until_known("POST", "token", f"grant_type=refresh_token&refresh_token={token}")
        if answer.status == 200:
            self._history.refreshed(token, answer.body["refresh_token"])
            login.tokens = [answer.body["access_token"], answer.body["refresh_token"]]
        elif answer.status in (None, 503):
            login.tokens = login.tokens[:1]  # too late to repeat it: whether it was done stays unknown
        else:
            self._history.hold("I3", False, f"a refresh was refused: {answer.status} {answer.body}")

    def _end(self, login: Login) -> None:
        waits = self._dice.random() < 0.5
        login.ending_began = time.monotonic()
        path = "logout?wait=true" if waits else "logout"
        answer = self._until_known("POST", path, {"scope": "this"}, login.tokens[0])
        if answer.status in (None, 503):
            return  # whether it has ended stays unknown
        login.waited, login.ended_by = waits, answer.ended
        self._history.endings += 1
        self._history.hold("I3", answer.status == (200 if waits else 204), f"{answer.status} {answer.body}")
        if waits and answer.status == 200:
            self._history.barriers.append(answer.body["receipt"]["took_ms"] / 1000)

    def _until_known(self, method: str, path: str, body: Any, token: str | None = None) -> Answer:
        gives_up = time.monotonic() + RETRY_FOR
        while True:
            answer = self._history.heard(self._serving.call(method, path, body, token))
            if answer.status not in (None, 503) or time.monotonic() > gives_up:
                return answer
            time.sleep(0.02)
