"""Settings that make no sense are refused in a sentence that names the one."""

from datetime import timedelta
from typing import Any

import pytest

from coatcheck.errors import Misconfigured
from coatcheck.settings import (
    AttemptSettings,
    AuditSettings,
    PasswordSettings,
    RevocationSettings,
    SessionSettings,
    Settings,
    TokenSettings,
    WebSettings,
)

NEVER, BACKWARDS = timedelta(0), timedelta(seconds=-1)
SHAPES = {
    "sessions": SessionSettings,
    "tokens": TokenSettings,
    "revocation": RevocationSettings,
    "passwords": PasswordSettings,
    "attempts": AttemptSettings,
    "audit": AuditSettings,
    "web": WebSettings,
}


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("sessions.absolute_after", NEVER),
        ("sessions.remembered_absolute_after", NEVER),
        ("sessions.renew_after", BACKWARDS),
        ("sessions.flush_touches_every", NEVER),
        ("sessions.fresh_within", NEVER),
        ("sessions.idle_after", timedelta(seconds=119)),
        ("sessions.grace", BACKWARDS),
        ("sessions.grace", timedelta(seconds=61)),
        ("sessions.at_most", -1),
        ("sessions.at_limit", "end_newest"),
        ("tokens.leeway", timedelta(seconds=61)),
        ("tokens.access_for", NEVER),
        ("tokens.rotate_every", NEVER),
        ("tokens.audiences", ("orders", "")),
        ("revocation.lease", timedelta(milliseconds=49)),
        ("revocation.drift", 0.5),
        ("revocation.policy", "perhaps"),
        ("revocation.accept_for", BACKWARDS),
        ("revocation.accept_for", timedelta(hours=1, seconds=1)),
        ("revocation.remember_events", 99),
        ("revocation.cache_records", 99),
        ("passwords.minimum_length", 7),
        ("passwords.minimum_length", 129),
        ("passwords.workers", -1),
        ("passwords.queue", 0),
        ("attempts.per_account", 0),
        ("attempts.per_device", 0),
        ("attempts.per_address", -1),
        ("attempts.window", NEVER),
        ("audit.keep_for", timedelta(hours=23)),
        ("web.path", "/auth/"),
        ("web.body_limit", 1023),
        ("web.site_name", " "),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_name(place: str, value: Any):
    room, _, name = place.partition(".")
    with pytest.raises(Misconfigured, match=place):
        SHAPES[room](**{name: value})


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("sessions.grace", NEVER),
        ("passwords.minimum_length", 128),
        ("passwords.workers", 0),
        ("attempts.per_account", 1),
        ("web.body_limit", 1024),
        ("web.after_login", "/shop"),
    ],
)
def test_a_value_at_the_edge_is_taken(place: str, value: Any):
    room, _, name = place.partition(".")
    assert getattr(SHAPES[room](**{name: value}), name) == value


@pytest.mark.parametrize(
    "url", ["http://app.example.com", "ftp://localhost", "https://app.example.com/auth", "https://u@app.example.com"]
)
def test_an_address_that_is_no_safe_origin_is_refused(url: str):
    with pytest.raises(Misconfigured, match="url must be"):
        Settings(url=url)
