"""FT-21: clients that hang up at any moment. Nothing is held for them afterwards, and no token gets two successors."""

import json
import random
import socket
import struct
import threading
import time
from collections import Counter, deque
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from tests.faults.allowance import allowed
from tests.faults.ending import hold_clean_end
from tests.faults.history import History
from tests.serving import PASSWORD, Serving, in_parallel

HANGS_UP_WITHIN = 0.03
"""Seconds: longer than most requests take here."""

LEFT_ALONE_FOR = 8.0
"""Seconds: longer than a request may stay on its way after its client has gone, less than a token lives."""

SETTLES_WITHIN = 5.0
"""Seconds from the last disconnect until nothing of it may be left."""

LOGS_IN_WITHIN = 2.0
"""Seconds that a login may take then, all of them at once."""


def run(
    folder: Path, *, requests: int, clients: int = 8, workers: int = 2, seed: int = 0, pool: int = 0, **environment: str
) -> dict[str, Any]:
    """Hang up on ``requests`` requests, then look what is left. Returns the figures. ``environment`` may name another
    database than a SQLite file, to which each worker may keep ``pool`` connections.

    Raises AssertionError naming every violation.
    """
    history = History(bound=0.0)
    with Serving(folder, workers, COATCHECK_SESSIONS_AT_MOST="0", **environment) as serving:
        people = [_Client(serving, history, number, requests // clients, seed) for number in range(clients)]
        for person in people:
            person.log_in()
        before = _held(serving)
        for pid in serving.worker_pids():
            before[pid, "socket:"] += pool
        began = time.monotonic()
        for person in people:
            person.start()
        for person in people:
            person.join()
        took = time.monotonic() - began
        for person in people:
            if person.trouble is not None:
                raise person.trouble
        left = _left(serving, before)
        history.hold("FT-21", not left, f"still held: {left}")
        answers = in_parallel(*[person.log_in for person in people])
        slowest = max(answer.ended - answer.began for answer in answers)
        history.hold("FT-21", slowest <= allowed(LOGS_IN_WITHIN), f"a login took {slowest:.1f} s afterwards")
        for person in people:
            person.settle()
        hold_clean_end(serving, history)
    assert not history.violations, "\n".join([f"seed {seed}", *history.violations[:20]])
    kinds = sum((person.kinds for person in people), Counter[str]())
    return {
        "requests that were hung up on": sum(kinds.values()),
        **{f"  {kind}": count for kind, count in sorted(kinds.items())},
        "a second": round(sum(kinds.values()) / took),
        "refreshes repeated after a hang-up": sum(person.repeated for person in people),
        "slowest login afterwards, s": round(slowest, 2),
        "violations": len(history.violations),
    }


class _Rotated(NamedTuple):
    """A refresh token that was got at that moment."""

    refresh_token: str
    at: float


class _Client(threading.Thread):
    """One person who never waits for an answer; but a refresh that was hung up on is repeated, and must lead on."""

    def __init__(self, serving: Serving, history: History, number: int, requests: int, seed: int) -> None:
        super().__init__(daemon=True)
        self.kinds: Counter[str] = Counter()
        self.repeated = 0
        self.trouble: Exception | None = None
        self._serving = serving
        self._history = history
        self._email = f"person{number}@example.com"
        self._requests = requests
        self._dice = random.Random(seed * 1000 + number)
        self._token = ""
        self._rotated: deque[_Rotated] = deque()

    def log_in(self) -> Any:
        """A login that is waited for."""
        register = not self._token
        call = self._serving.register if register else self._serving.log_in
        answer = self._history.heard(call(self._email, carry="tokens"))
        assert answer.status == (201 if register else 200), answer
        self._token = answer.body["access_token"]
        return answer

    def run(self) -> None:
        try:
            for _ in range(self._requests):
                kind = self._dice.choices(("me", "rotate", "login", "logout", "half"), (40, 25, 15, 10, 10))[0]
                self.kinds[kind] += 1
                getattr(self, f"_{kind}")()
        except Exception as trouble:  # noqa: BLE001 - ``run`` of the module raises it
            self.trouble = trouble

    def settle(self) -> None:
        """What this person holds is good."""
        answer = self._history.heard(self._serving.me(self._token))
        self._history.hold("I3", answer.status == 200, f"{answer.status} {answer.body}")

    def _me(self) -> None:
        self._hang_up(_request("GET", "me", token=self._token))

    def _login(self) -> None:
        self._hang_up(_request("POST", "login", {"email": self._email, "password": PASSWORD, "carry": "tokens"}))

    def _logout(self) -> None:
        other = self._history.heard(self._serving.log_in(self._email, carry="header")).body["session_token"]
        self._hang_up(_request("POST", "logout?wait=true", {"scope": "this"}, other))
        ended = self._history.heard(self._serving.call("POST", "logout?wait=true", {"scope": "this"}, other))
        self._history.hold("I3", ended.status == 200, f"{ended.status} {ended.body}")
        refused = self._history.heard(self._serving.me(other))
        self._history.hold("I1", refused.status == 401, f"{refused.status} {refused.body}")

    def _half(self) -> None:
        whole = _request("POST", "login", {"email": self._email, "password": PASSWORD, "carry": "tokens"})
        self._hang_up(whole[: self._dice.randrange(1, len(whole))])

    def _rotate(self) -> None:
        """Twice the same refresh: the first answer is not waited for, the second leads on.

        Not again with the same login for a while: a refresh that comes after its successor was used is a replay.
        """
        if self._rotated and self._rotated[0].at + LEFT_ALONE_FOR < time.monotonic():
            used = self._rotated.popleft().refresh_token
        else:
            used = self._history.heard(self._serving.log_in(self._email, carry="tokens")).body["refresh_token"]
        form = f"grant_type=refresh_token&refresh_token={used}"
        self._hang_up(_request("POST", "token", form))
        answer = self._history.heard(self._serving.call("POST", "token", form))
        self._history.hold("I2", answer.status == 200, f"a repeated refresh was refused: {answer.status} {answer.body}")
        if answer.status == 200:
            self._history.refreshed(used, answer.body["refresh_token"])
            self._rotated.append(_Rotated(answer.body["refresh_token"], time.monotonic()))
            self._token = answer.body["access_token"]
            self.repeated += 1

    def _hang_up(self, request: bytes) -> None:
        """Send, and be gone before, while or after it is answered: politely, or with a reset."""
        with socket.create_connection((self._serving.host, self._serving.port)) as connection:
            connection.sendall(request)
            time.sleep(self._dice.uniform(0, HANGS_UP_WITHIN))
            if self._dice.random() < 0.5:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _request(method: str, path: str, body: Any = None, token: str = "") -> bytes:
    """The bytes of a request; a body that is text is a form."""
    sent = b"" if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    kind = "application/x-www-form-urlencoded" if isinstance(body, str) else "application/json"
    bearer = f"authorization: Bearer {token}\r\n" if token else ""
    head = f"{method} /auth/api/{path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {kind}\r\n{bearer}"
    return f"{head}content-length: {len(sent)}\r\n\r\n".encode() + sent


def _held(serving: Serving) -> Counter[tuple[int, str]]:
    """What each worker has open, by worker and kind.

    Without the null device: the event loop keeps one from when it begins to listen, which may be after the first look.
    """
    pids = serving.worker_pids()
    assert len(pids) == serving.workers
    held: Counter[tuple[int, str]] = Counter()
    for pid in pids:
        for opened in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed since it was listed
                held[pid, opened.readlink().name.partition("[")[0]] += 1
        del held[pid, "null"]
    return held


def _left(serving: Serving, before: Counter[tuple[int, str]]) -> dict[tuple[int, str], int]:
    """What workers hold more than before, once ``SETTLES_WITHIN`` has passed."""
    gives_up = time.monotonic() + allowed(SETTLES_WITHIN)
    while True:
        left = _held(serving) - before
        if not left or time.monotonic() > gives_up:
            return dict(left)
        time.sleep(0.05)
