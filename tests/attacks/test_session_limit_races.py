"""Many logins at once, to have more sessions than are allowed.

SE-14 (OWASP ASVS 7.1.2): never more than the limit are alive at any instant.
"""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from coatcheck.settings import AttemptSettings, SessionSettings
from coatcheck.testing import fast_passwords
from tests.site import API, PASSWORD, bearer, code_of, running

pytestmark = pytest.mark.anyio

PATIENT = AttemptSettings(per_account=1000, per_address=10_000)


async def test_many_logins_at_once_leave_no_more_than_the_limit():
    async with running(
        attempts=PATIENT, passwords=fast_passwords(queue=1000), sessions=SessionSettings(at_most=3)
    ) as site:
        body = await site.register(site.client(), carry="header")
        most = 0

        async def log_in(number: int) -> dict[str, Any]:
            client = site.client(f"198.51.100.{number}")
            answer = await site.log_in(client, carry="header")
            nonlocal most
            most = max(most, len(await site.auth.sessions_of(body["user"]["id"])))
            return answer

        logins = await asyncio.gather(*map(log_in, range(60)))
        assert most == 3
        client = site.client()
        answers = [await client.get(f"{API}/me", headers=bearer(login["session_token"])) for login in [body, *logins]]
        assert [answer.status_code for answer in answers].count(200) == 3


async def test_the_oldest_makes_room_and_is_told():
    async with running(sessions=SessionSettings(at_most=2)) as site:
        client = site.client()
        logins = [await site.register(client, carry="tokens")]
        for _ in range(2):
            site.clock.advance(timedelta(seconds=1))
            logins.append(await site.log_in(client, carry="tokens"))
        first, *rest = [await client.get(f"{API}/me", headers=bearer(each["access_token"])) for each in logins]
        assert code_of(first) == "session.ended"
        assert [answer.status_code for answer in rest] == [200, 200]
        endings = await site.auth.audit(kind="session.ended")
        assert [entry.detail for entry in endings] == [{"ending": "limit"}]


async def test_a_single_device_may_be_guarded_by_refusing_the_second():
    limits = SessionSettings(at_most=1, at_limit="refuse")
    async with running(sessions=limits, attempts=AttemptSettings(per_account=2)) as site:
        browser = site.browser()
        await site.register(browser)
        for _ in range(5):  # the right password is never counted
            answer = await site.client().post(f"{API}/login", json={"email": "ann@example.com", "password": PASSWORD})
            assert (answer.status_code, code_of(answer)) == (409, "session.limit")
        wrong = await site.client().post(f"{API}/login", json={"email": "ann@example.com", "password": "no"})
        assert code_of(wrong) == "login.refused"
        assert (await browser.get(f"{API}/me")).status_code == 200
        await site.log_in(browser)  # replaces its own


async def test_sessions_that_are_over_take_no_room():
    async with running(sessions=SessionSettings(at_most=1, at_limit="refuse")) as site:
        await site.register(site.browser())
        site.clock.advance(timedelta(hours=2, minutes=1))
        await site.log_in(site.browser())
