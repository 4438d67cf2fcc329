"""The signing keys rotate while people log in: every token is accepted, whichever key signed it."""

import json
import time
from collections import Counter, defaultdict
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from coatcheck.settings import RevocationSettings
from tests.faults.races.storm import MANY, PATIENCE, Storm, outcomes, refresh
from tests.serving import Answer, Serving, Several, in_parallel

LEASE = timedelta(milliseconds=300)
BOUND = RevocationSettings(lease=LEASE).bound.total_seconds()
"""W: a key may sign once it has been known for so long. With this lease it need not be waited for."""

GIVEN_UP_AFTER = 3.0
"""Seconds: a bit more than a request has for all that it asks the database."""

_TOOK_OVER = "SELECT at, detail FROM coatcheck_audit WHERE kind = 'key.took_over' ORDER BY number"


def rotations_against_logins(serving: Serving | Several, name: str) -> Counter[int | None]:
    """Of many rotations of the signing keys one is done each time that a key has been known for long enough: never
    sooner, never twice, and then another one stands ready. Every token is accepted by whoever it is shown to, those
    from before as those given meanwhile, and at once."""
    administrator = serving.log_in(serving.administrator, carry="header").body["session_token"]
    before = serving.register(f"{name}@example.com", carry="tokens").body
    was, earlier = _keys_once_one_may_take_over(serving), len(serving.rows(_TOOK_OVER))
    rotate = partial(serving.call, "POST", "admin/keys/rotate", None, administrator, timeout=PATIENCE)

    def log_in() -> tuple[Answer, int | None]:
        login = serving.log_in(f"{name}@example.com", carry="tokens", timeout=PATIENCE)
        return login, serving.me(login.body["access_token"]).status if login.status == 200 else None

    answers = in_parallel(*[rotate] * (MANY // 2), *[log_in] * (MANY // 2))
    rotated, logins = answers[: MANY // 2], [login for login, _ in answers[MANY // 2 :]]
    counted = outcomes(rotated, {200, 503}) + outcomes(logins, {200, 503})
    if any(answer.status == 503 for answer in rotated):
        time.sleep(GIVEN_UP_AFTER)  # what was not answered in time may still be done
    assert {shown for _, shown in answers[MANY // 2 :]} <= {200, 503, None}, "one was not accepted at once"
    now, successions = _keys(serving), [_Succession.of(*row) for row in serving.rows(_TOOK_OVER)[earlier:]]
    heirs = [each.kid for each in successions]
    assert heirs[:1] == [was.upcoming], "another than the one that stood ready took over"
    assert heirs[-1] == now.current
    assert len(set(heirs)) == len(heirs), "one took over twice"
    assert {was.current, *heirs[:-1]} <= now.retired, "one that has signed no longer verifies"
    known_for = [each.at - now.created_at[each.kid] for each in successions]
    assert min(known_for) >= BOUND * 1_000_000, "one signs that is not known everywhere"
    given = [login.body["access_token"] for login in logins if login.status == 200]
    assert {serving.me(token).status for token in [before["access_token"], *given]} <= {200, 503}
    assert refresh(serving, before["refresh_token"]).status == 200
    return counted


STORMS = (
    Storm(
        "rotation against login",
        rotations_against_logins,
        frozenset({200}),
        {
            "COATCHECK_REVOCATION_LEASE": f"{LEASE.total_seconds() * 1000:g}ms",
            "COATCHECK_TOKENS_ACCESS_FOR": "1m",  # so long a retired key is kept, and each round makes new ones
        },
    ),
)


class _Keys(NamedTuple):
    """The signing keys: one is current, one stands ready. ``created_at`` is in microseconds, by key."""

    current: str
    upcoming: str
    retired: set[str]
    usable_from: int
    """Of the one that stands ready, in microseconds."""

    created_at: dict[str, int]


class _Succession(NamedTuple):
    """At this instant, in microseconds, this key took over."""

    at: int
    kid: str

    @classmethod
    def of(cls, at: int, detail: str) -> "_Succession":
        """As the audit trail has it."""
        return cls(at, json.loads(detail)["kid"])


def _keys(serving: Serving | Several) -> _Keys:
    kids: defaultdict[str, set[str]] = defaultdict(set)
    rows = serving.rows("SELECT kid, status, created_at, usable_from FROM coatcheck_keys")
    for kid, status, *_ in rows:
        kids[status].add(kid)
    (current,), (upcoming,) = kids["current"], kids["upcoming"]
    (usable_from,) = (each for kid, _, _, each in rows if kid == upcoming)
    return _Keys(current, upcoming, kids["retired"], usable_from, {kid: at for kid, _, at, _ in rows})


def _keys_once_one_may_take_over(serving: Serving | Several) -> _Keys:
    """The keys, when the upcoming one has been known for as long as it must be."""
    keys = _keys(serving)
    time.sleep(max(0.0, keys.usable_from / 1_000_000 - time.time()))
    return keys
