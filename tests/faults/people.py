"""People who work at an installation while it is broken: each with several logins, and with a memory for the judge."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.faults.history import History, Login
from tests.faults.watching import at_work
from tests.serving import Answer, Asked

RETRY_FOR = 8.0
"""Seconds: below the refresh token's grace of ten."""


@contextmanager
def people_at_work(serving: Asked, history: History, clients: int, seed: int) -> Iterator[None]:
    """So many log in, check, refresh and log out until the block ends. Then what lives must be accepted, and what ended
    refused."""
    is_over = threading.Event()
    people = [Person(serving, history, f"person{n}@example.com", seed + n, is_over) for n in range(clients)]
    with at_work(people, is_over):
        yield
    for person in people:
        person.settle()


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
