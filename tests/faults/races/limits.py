"""A limit of sessions holds however many log in at once."""

import time
from collections import Counter
from collections.abc import Callable
from functools import partial

from tests.faults.races.storm import MANY, PATIENCE, Storm, alive_of, outcomes
from tests.faults.watching import Watch
from tests.serving import Answer, Rows, Serving, Several, in_parallel

BOUND = 8.0
"""Seconds: more than W, within which a revocation holds everywhere."""


def logins_over_the_limit(serving: Serving | Several, name: str) -> Counter[int | None]:
    """A hundred logins of one person, where the oldest make room: never more are alive than are allowed, at no instant,
    and each login ended those that had begun first."""
    first, most, answers = _log_in_a_hundred_times(serving, name)
    counted = outcomes(answers, {200, 503})
    limit, whose = _limit(serving), first.body["user"]["id"]
    assert 1 <= most <= limit, f"{most} were alive at once"
    alive = alive_of(serving.rows, whose)
    assert _replayed(serving, whose, limit) == alive
    assert len(alive) == limit
    opened = [first, *(answer for answer in answers if answer.status == 200)]
    _require_only(serving, opened, alive)
    return counted


def logins_at_a_closed_door(serving: Serving | Several, name: str) -> Counter[int | None]:
    """A hundred logins of one person, where the settings refuse: as many get in as there is room for, and nobody who is
    in has to go."""
    first, most, answers = _log_in_a_hundred_times(serving, name)
    counted = outcomes(answers, {200, 409, 503})
    limit, whose = _limit(serving), first.body["user"]["id"]
    assert 1 <= most <= limit, f"{most} were alive at once"
    assert counted[200] == limit - 1, counted
    assert {answer.body["code"] for answer in answers if answer.status == 409} == {"session.limit"}
    alive = alive_of(serving.rows, whose)
    assert len(alive) == limit
    _require_only(serving, [first, *(answer for answer in answers if answer.status == 200)], alive)
    return counted


STORMS = (
    Storm("limit 3, oldest ended", logins_over_the_limit, frozenset({200}), {"COATCHECK_SESSIONS_AT_MOST": "3"}),
    Storm("single device, oldest ended", logins_over_the_limit, frozenset({200}), {"COATCHECK_SESSIONS_AT_MOST": "1"}),
    Storm(
        "limit 3, refused",
        logins_at_a_closed_door,
        frozenset({200, 409}),
        {"COATCHECK_SESSIONS_AT_MOST": "3", "COATCHECK_SESSIONS_AT_LIMIT": "refuse"},
    ),
    Storm(
        "single device, refused",
        logins_at_a_closed_door,
        frozenset({409}),
        {"COATCHECK_SESSIONS_AT_MOST": "1", "COATCHECK_SESSIONS_AT_LIMIT": "refuse"},
    ),
)


def _limit(serving: Serving | Several) -> int:
    return int(serving.environment["COATCHECK_SESSIONS_AT_MOST"])


def _log_in_a_hundred_times(serving: Serving | Several, name: str) -> tuple[Answer, int, list[Answer]]:
    """The registration, the most sessions that were seen alive at one instant, and the answers to the logins."""
    email = f"{name}@example.com"
    first = serving.register(email, carry="header")
    assert first.status == 201, first
    watching = _Watching(serving, first.body["user"]["id"])
    with watching:
        answers = in_parallel(*[partial(serving.log_in, email, carry="header", timeout=PATIENCE)] * MANY)
    return first, watching.most, answers


class _Watching(Watch):
    """Counts a person's live sessions in the database, again and again, while others log in."""

    def __init__(self, serving: Serving | Several, user_id: str) -> None:
        super().__init__(every=0.01)
        self._serving, self._user_id = serving, user_id
        self._select: Callable[..., Rows] = serving.rows
        self.most = 0

    def run(self) -> None:
        """Over one connection, which is this thread's."""
        with self._serving.looking() as self._select:
            super().run()

    def look(self) -> None:
        self.most = max(self.most, len(alive_of(self._select, self._user_id)))


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
