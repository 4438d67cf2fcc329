"""Two tabs refresh at once in two processes, and the one that began first comes second to the lock.

RF-02, RF-05, RF-08: it is a retry within the grace, not a theft, although its instant lies before that of the other.
But a clock that was set back by more makes no old token look fresh.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from coatcheck.auth import Auth
from coatcheck.errors import TokenExpired, TokenReplayed
from coatcheck.model.session import Carry
from coatcheck.settings import Settings
from coatcheck.testing import ManualClock, fast_passwords
from coatcheck.tokens.opaque import digest
from tests.site import PASSWORD, SECRET, URL

pytestmark = pytest.mark.anyio

A_LITTLE = timedelta(milliseconds=3)


@asynccontextmanager
async def two_processes(file: Path) -> AsyncIterator[tuple[Auth, Auth, ManualClock]]:
    """Two installations over one file; the second one's clock is given too."""
    settings = Settings(database=f"sqlite:///{file}", url=URL, secrets=(SECRET,), passwords=fast_passwords())
    clock = ManualClock()
    async with Auth(settings, clock=ManualClock(), name="one") as one, Auth(settings, clock=clock, name="two") as two:
        yield one, two, clock


async def test_a_refresh_that_was_overtaken_gets_the_same_successor(tmp_path: Path):
    async with two_processes(tmp_path / "db") as (one, two, clock):
        token = (await one.register("ann@example.com", PASSWORD, carry=Carry.TOKENS)).credentials.refresh_token or ""
        clock.advance(A_LITTLE)
        first = await two.refresh(token)
        second = await one.refresh(token)
        assert second.credentials.refresh_token == first.credentials.refresh_token
        await one.check(second.credentials.access_token or "")


async def test_a_request_with_a_cookie_that_was_renewed_meanwhile_is_answered(tmp_path: Path):
    async with two_processes(tmp_path / "db") as (one, two, clock):
        login = await one.register("ann@example.com", PASSWORD)
        cookie = login.credentials.session_token or ""
        clock.advance(A_LITTLE)
        assert await two.renew_cookie(login.session.id, digest(cookie.encode())) is not None
        assert (await one.check(cookie)).user_id == login.user.id


async def test_a_clock_that_was_set_back_makes_no_old_token_look_fresh(tmp_path: Path):
    async with two_processes(tmp_path / "db") as (one, two, clock):
        token = (await one.register("ann@example.com", PASSWORD, carry=Carry.TOKENS)).credentials.refresh_token or ""
        login = await one.register("bob@example.com", PASSWORD)
        cookie = login.credentials.session_token or ""
        clock.advance(one.settings.sessions.grace)
        await two.refresh(token)
        await two.renew_cookie(login.session.id, digest(cookie.encode()))
        with pytest.raises(TokenReplayed):
            await one.refresh(token)
        with pytest.raises(TokenExpired):
            await one.check(cookie)
