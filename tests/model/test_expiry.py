"""When a session is over by itself."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs

from coatcheck.model.expiry import is_over
from coatcheck.model.session import Carry, Session

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
INSTANT = timedelta(microseconds=1)
SESSION = Session(
    id="ses_1",
    user_id="usr_1",
    carry=Carry.COOKIE,
    secret_digest=b"",
    stepped_at=NOW,
    everything_generation=1,
    created_at=NOW,
    authenticated_at=NOW,
    seen_at=NOW,
    expires_at=NOW + 60 * MINUTE,
    idle_for=10 * MINUTE,
)


@pytest.mark.parametrize(
    ("after", "over"),
    [(11 * MINUTE - INSTANT, False), (11 * MINUTE, True), (-MINUTE, False)],
)
def test_a_session_that_nobody_uses_is_over_one_flush_after_its_idle_time(after, over):
    assert is_over(NOW + after, SESSION, MINUTE) is over


@pytest.mark.parametrize(("after", "over"), [(60 * MINUTE - INSTANT, False), (60 * MINUTE, True)])
def test_its_fixed_end_is_moved_by_nothing(after, over):
    seen = structs.replace(SESSION, seen_at=NOW + after)
    assert is_over(NOW + after, seen, MINUTE) is over
