"""FT-19: a hundred at once, over several workers, again and again: exactly one outcome (I2, I5)."""

import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from tests.serving import Answer, Rows, Serving, Several

MANY = 100
PATIENCE = 60.0
"""Seconds that a client waits for its answer, of a hundred who ask a machine at once."""


class Storm(NamedTuple):
    """One storm: ``blow`` is one round of it over a server that runs with ``environment``, with people whose names
    begin like its second argument; it returns how often each status was the answer. In many rounds each status of
    ``seen`` has to be among them: else nothing has met.

    ``blow`` raises AssertionError when there was another outcome than there may be.
    """

    title: str
    blow: Callable[[Serving | Several, str], Counter[int | None]]
    seen: frozenset[int]
    environment: Mapping[str, str] = MappingProxyType({})


def run(
    storms: Sequence[Storm],
    folder: Path,
    *,
    rounds: int,
    workers: int = 4,
    new_database: Callable[[], str] | None = None,
) -> dict[str, Any]:
    """Let every storm blow ``rounds`` times over ``workers`` workers; return the figures. Over databases that
    ``new_database`` makes they belong to two servers.

    Raises AssertionError when one of them has another outcome than it may, or in many rounds not all that it may.
    """
    figures: dict[str, Any] = {"rounds each": rounds}
    for number, storm in enumerate(storms):
        place = folder / str(number)
        place.mkdir()
        outcomes: Counter[int | None] = Counter()
        running: Serving | Several = Serving(place, workers=workers, **storm.environment)
        if new_database is not None:
            running = Several(place, new_database(), workers=workers // 2, **storm.environment)
        with running as serving:
            for turn in range(rounds):
                outcomes += storm.blow(serving, f"person{turn}")
        said = " ".join(f"{count}×{status or 'none'}" for status, count in sorted(outcomes.items(), key=str))
        figures[storm.title] = said
        print(f"{storm.title}: {said}", file=sys.stderr)
        assert rounds < MANY or storm.seen <= set(outcomes), f"{storm.title}: {said}"
    return figures


def refresh(serving: Serving | Several, token: str) -> Answer:
    """Exchange a refresh token."""
    return serving.call("POST", "token", f"grant_type=refresh_token&refresh_token={token}", timeout=PATIENCE)


def outcomes(answers: list[Answer], allowed: set[int]) -> Counter[int | None]:
    """How often each status was the answer; none but those that are ``allowed``."""
    counted = Counter(answer.status for answer in answers)
    assert set(counted) <= allowed, counted
    return counted


def alive_of(select: Callable[..., Rows], user_id: str) -> set[str]:
    """The sessions of a person that have not ended, as the database has them (``Serving.rows``)."""
    statement = "SELECT id FROM coatcheck_sessions WHERE user_id = ? AND ended_at IS NULL"
    return {session_id for (session_id,) in select(statement, user_id)}
