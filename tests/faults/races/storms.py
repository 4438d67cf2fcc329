"""FT-19: a hundred at once, over several workers, again and again: exactly one outcome (I2, I5).

Each storm is one round over a running server; ``run`` repeats them and returns the figures.
"""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tests.serving import PASSWORD, Answer, Rows, Serving, Several, in_parallel

Storm = Callable[[Serving | Several, str], Counter[int | None]]

MANY = 100
NEW_PASSWORD = "four quiet cranes fly home"
QUICK_LEASE = {"COATCHECK_REVOCATION_LEASE": "300ms"}
"""A key may sign once it has been known for W: with this it need not be waited for."""

BOUND = 8.0
"""Seconds: more than W, within which a revocation holds everywhere."""

_ALIVE = "SELECT id FROM coatcheck_sessions WHERE user_id = ? AND ended_at IS NULL"


def refreshes(serving: Serving | Several, name: str) -> Counter[int | None]:
    """A hundred refreshes of one token get one successor, and the session lives on."""
    login = serving.register(f"{name}@example.com", carry="tokens").body
    answers = in_parallel(*[partial(_refresh, serving, login["refresh_token"])] * MANY)
    outcomes = _outcomes(answers, {200, 503})
    assert outcomes[200] > MANY // 2, outcomes
    successors = {answer.body["refresh_token"] for answer in answers if answer.status == 200}
    assert len(successors) == 1
    assert serving.me(login["access_token"]).status == 200
    assert _refresh(serving, successors.pop()).status == 200
    return outcomes


def registrations(serving: Serving | Several, name: str) -> Counter[int | None]:
    """Of a hundred registrations one gets the address."""
    answers = in_parallel(*[partial(serving.register, f"{name}@example.com", carry="header")] * MANY)
    outcomes = _outcomes(answers, {201, 409, 503})
    assert outcomes[201] == 1, outcomes
    return outcomes


def refreshes_against_a_logout(serving: Serving | Several, name: str) -> Counter[int | None]:
    """Whatever is refreshed while somebody logs out, nothing is alive afterwards."""
    login = serving.register(f"{name}@example.com", carry="tokens").body
    logout = partial(serving.call, "POST", "logout?wait=true", {"scope": "this"}, login["access_token"])
    *refreshed, ended = in_parallel(*[partial(_refresh, serving, login["refresh_token"])] * (MANY - 1), logout)
    assert ended.status == 200, ended
    tokens = [answer.body["access_token"] for answer in refreshed if answer.status == 200]
    assert {serving.me(token).status for token in tokens} <= {401}
    return _outcomes(refreshed, {200, 400, 503})


def logins_against_a_password_change(serving: Serving | Several, name: str) -> Counter[int | None]:
    """Whoever gets in with a password while it is changed is out when the change is acknowledged, but for the one who
    changed it; afterwards the new one opens and the old one does not."""
    email = f"{name}@example.com"
    token = serving.register(email, carry="header").body["session_token"]
    change = partial(serving.call, "POST", "password?wait=true", {"current": PASSWORD, "new": NEW_PASSWORD}, token)
    *logins, changed = in_parallel(*[partial(serving.log_in, email, carry="header")] * (MANY - 1), change)
    assert changed.status == 200, changed
    let_in = [answer.body["session_token"] for answer in logins if answer.status == 200]
    assert {serving.me(each).status for each in let_in} <= {401}
    assert serving.me(changed.body["session_token"]).status == 200
    again = {"email": email, "carry": "header"}
    assert serving.call("POST", "login", {**again, "password": PASSWORD}).status == 401
    assert serving.call("POST", "login", {**again, "password": NEW_PASSWORD}).status == 200
    return _outcomes(logins, {200, 401, 503})


def rotations_against_logins(serving: Serving | Several, name: str) -> Counter[int | None]:
    """Of many rotations of the signing keys one is done, and one key stands ready. Every token is accepted by whoever
    it is shown to, whichever key signed it: those from before, and those given meanwhile."""
    administrator = serving.administrator.body["session_token"]
    before = serving.register(f"{name}@example.com", carry="tokens").body
    was = _keys_once_one_may_take_over(serving)
    rotate = partial(serving.call, "POST", "admin/keys/rotate", None, administrator)
    log_in = partial(serving.log_in, f"{name}@example.com", carry="tokens")
    answers = in_parallel(*[rotate] * (MANY // 2), *[log_in] * (MANY // 2))
    rotated, logins = answers[: MANY // 2], answers[MANY // 2 :]
    outcomes = _outcomes(rotated, {200, 503}) + _outcomes(logins, {200, 503})
    now = _keys(serving)
    assert now["current"] == was["upcoming"], "another than the one that stood ready took over"
    assert len(now["upcoming"]) == 1, now
    assert was["current"] <= now["retired"], "the one before no longer verifies"
    given = [answer.body["access_token"] for answer in logins if answer.status == 200]
    assert {serving.me(token).status for token in [before["access_token"], *given]} == {200}
    assert _refresh(serving, before["refresh_token"]).status == 200
    return outcomes


def logins_over_the_limit(serving: Serving | Several, name: str) -> Counter[int | None]:
    """A hundred logins of one person, where the oldest make room: never more are alive than are allowed, at no instant,
    and each login ended those that had begun first."""
    first, most, answers = _log_in_a_hundred_times(serving, name)
    outcomes = _outcomes(answers, {200, 503})
    limit, whose = _limit(serving), first.body["user"]["id"]
    assert most <= limit, f"{most} were alive at once"
    alive = _alive(serving.rows, whose)
    assert _replayed(serving, whose, limit) == alive
    assert len(alive) == limit
    opened = [first, *(answer for answer in answers if answer.status == 200)]
    _require_only(serving, opened, alive)
    return outcomes


def logins_at_a_closed_door(serving: Serving | Several, name: str) -> Counter[int | None]:
    """A hundred logins of one person, where the settings refuse: as many get in as there is room for, and nobody who is
    in has to go."""
    first, most, answers = _log_in_a_hundred_times(serving, name)
    outcomes = _outcomes(answers, {200, 409, 503})
    limit, whose = _limit(serving), first.body["user"]["id"]
    assert most <= limit, f"{most} were alive at once"
    assert outcomes[200] == limit - 1, outcomes
    assert {answer.body["code"] for answer in answers if answer.status == 409} == {"session.limit"}
    alive = _alive(serving.rows, whose)
    assert len(alive) == limit
    _require_only(serving, [first, *(answer for answer in answers if answer.status == 200)], alive)
    return outcomes


STORMS: tuple[tuple[str, Storm, dict[str, str]], ...] = (
    ("refresh", refreshes, {}),
    ("register", registrations, {}),
    ("refresh against logout", refreshes_against_a_logout, {}),
    ("login against password change", logins_against_a_password_change, {}),
    ("rotation against login", rotations_against_logins, QUICK_LEASE),
    ("limit 3, oldest ended", logins_over_the_limit, {"COATCHECK_SESSIONS_AT_MOST": "3"}),
    ("single device, oldest ended", logins_over_the_limit, {"COATCHECK_SESSIONS_AT_MOST": "1"}),
    (
        "limit 3, refused",
        logins_at_a_closed_door,
        {"COATCHECK_SESSIONS_AT_MOST": "3", "COATCHECK_SESSIONS_AT_LIMIT": "refuse"},
    ),
    (
        "single device, refused",
        logins_at_a_closed_door,
        {"COATCHECK_SESSIONS_AT_MOST": "1", "COATCHECK_SESSIONS_AT_LIMIT": "refuse"},
    ),
)
"""What is repeated, and the settings it needs."""


def run(
    folder: Path, *, rounds: int, workers: int = 4, new_database: Callable[[], str] | None = None
) -> dict[str, Any]:
    """Let every storm blow ``rounds`` times over ``workers`` workers; return the figures. Over databases that
    ``new_database`` makes they belong to two servers.

    Raises AssertionError when one of them has another outcome than it may.
    """
    figures: dict[str, Any] = {"rounds each": rounds}
    for number, (title, storm, environment) in enumerate(STORMS):
        place = folder / str(number)
        place.mkdir()
        outcomes: Counter[int | None] = Counter()
        running: Serving | Several = Serving(place, workers=workers, **environment)
        if new_database is not None:
            running = Several(place, new_database(), workers=workers // 2, **environment)
        with running as serving:
            for turn in range(rounds):
                outcomes += storm(serving, f"person{turn}")
        figures[title] = " ".join(f"{count}×{status or 'none'}" for status, count in sorted(outcomes.items(), key=str))
    return figures


def _refresh(serving: Serving | Several, token: str) -> Answer:
    return serving.call("POST", "token", f"grant_type=refresh_token&refresh_token={token}")


def _outcomes(answers: list[Answer], allowed: set[int]) -> Counter[int | None]:
    outcomes = Counter(answer.status for answer in answers)
    assert set(outcomes) <= allowed, outcomes
    return outcomes


def _keys(serving: Serving | Several) -> dict[str, set[str]]:
    """The signing keys by their status."""
    keys: defaultdict[str, set[str]] = defaultdict(set)
    for kid, status in serving.rows("SELECT kid, status FROM coatcheck_keys"):
        keys[status].add(kid)
    return keys


def _keys_once_one_may_take_over(serving: Serving | Several) -> dict[str, set[str]]:
    """The keys, when the upcoming one has been known for as long as it must be."""
    statement = "SELECT usable_from FROM coatcheck_keys WHERE status = 'upcoming'"
    ((usable_from,),) = serving.rows(statement)
    time.sleep(max(0.0, usable_from / 1_000_000 - time.time()))
    return _keys(serving)


def _limit(serving: Serving | Several) -> int:
    return int(serving.environment["COATCHECK_SESSIONS_AT_MOST"])


def _log_in_a_hundred_times(serving: Serving | Several, name: str) -> tuple[Answer, int, list[Answer]]:
    """The registration, the most sessions that were seen alive at one instant, and the answers to the logins."""
    email = f"{name}@example.com"
    first = serving.register(email, carry="header")
    assert first.status == 201, first
    with _Watching(serving, first.body["user"]["id"]) as watching:
        answers = in_parallel(*[partial(serving.log_in, email, carry="header", timeout=60)] * MANY)
    return first, watching.most, answers


class _Watching(threading.Thread):
    """Counts a person's live sessions in the database, again and again, while others log in."""

    def __init__(self, serving: Serving | Several, user_id: str) -> None:
        super().__init__(daemon=True)
        self._serving, self._user_id = serving, user_id
        self._is_over = threading.Event()
        self.most = 0

    def __enter__(self) -> "_Watching":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self.join()

    def run(self) -> None:
        with self._serving.looking() as select:
            while not self._is_over.wait(0.01):
                self.most = max(self.most, len(_alive(select, self._user_id)))


def _alive(select: Callable[..., Rows], user_id: str) -> set[str]:
    return {session_id for (session_id,) in select(_ALIVE, user_id)}


def _replayed(serving: Serving | Several, user_id: str, limit: int) -> set[str]:
    """Who is alive after all that the audit trail tells, in its order. Holds every login against the limit, and every
    ending against the rule that who began first goes first."""
    statement = "SELECT id, created_at FROM coatcheck_sessions WHERE user_id = ?"
    began = {session_id: (at, session_id) for session_id, at in serving.rows(statement, user_id)}
    statement = "SELECT kind, session_id, detail FROM coatcheck_audit WHERE user_id = ? ORDER BY number"
    (registered,) = began.keys() - {s for kind, s, _ in serving.rows(statement, user_id) if kind == "login.succeeded"}
    alive = {registered}
    for kind, session_id, detail in serving.rows(statement, user_id):
        if kind == "login.succeeded":
            alive.add(session_id)
            assert len(alive) <= limit, "one too many was let in"
        elif kind == "session.ended":
            assert "limit" in detail
            assert len(alive) == limit, "one was ended although there was room"
            assert session_id == min(alive, key=began.__getitem__), "another than the oldest was ended"
            alive.remove(session_id)
    return alive


def _require_only(serving: Serving | Several, opened: list[Answer], alive: set[str]) -> None:
    """The sessions that are alive are accepted; a few of the others are refused, within the bound, and say why."""
    for answer in opened:
        if answer.body["session"]["id"] in alive:
            assert serving.me(answer.body["session_token"]).status == 200
    for answer in [each for each in opened if each.body["session"]["id"] not in alive][:3]:
        until = time.monotonic() + BOUND
        while (said := serving.me(answer.body["session_token"])).status == 200:
            assert time.monotonic() < until, "accepted after its end"
        assert (said.status, said.body["code"]) == (401, "session.ended")
