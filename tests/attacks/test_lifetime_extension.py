"""A login is kept alive for ever by using it.

SE-12, RF-13, RF-14 (OWASP ASVS 7.3.2): neither use nor refreshing moves the absolute end, and a long life adds no rows.
"""

from datetime import timedelta

import pytest

from tests.site import API, bearer, code_of, running

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1)


async def test_refreshing_does_not_move_the_end_of_a_session():
    async with running() as site:
        client = site.client()
        body = await site.register(client, carry="tokens")
        token = body["refresh_token"]
        for passed in range(1, 12):
            site.clock.advance(HOUR)
            fresh = (
                await client.post(f"{API}/token", data={"grant_type": "refresh_token", "refresh_token": token})
            ).json()
            assert fresh["refresh_expires_in"] == (12 - passed) * 3600
            token = fresh["refresh_token"]
            listed = (await client.get(f"{API}/sessions", headers=bearer(fresh["access_token"]))).json()["sessions"]
            assert [each["expires_at"] for each in listed] == [body["session"]["expires_at"]]
        site.clock.advance(HOUR)
        refused = await client.post(f"{API}/token", data={"grant_type": "refresh_token", "refresh_token": token})
        assert code_of(refused) == "session.expired"


async def test_an_access_token_ends_with_its_session_at_the_latest():
    async with running() as site:
        client = site.client()
        token = (await site.register(client, carry="tokens"))["refresh_token"]
        for step in (HOUR,) * 11 + (timedelta(minutes=57),):
            site.clock.advance(step)
            fresh = (
                await client.post(f"{API}/token", data={"grant_type": "refresh_token", "refresh_token": token})
            ).json()
            token = fresh["refresh_token"]
        assert fresh["expires_in"] == 180


async def test_using_a_cookie_all_day_does_not_move_its_end():
    async with running() as site:
        browser = site.browser()
        await site.register(browser)
        for _ in range(11):
            site.clock.advance(HOUR)
            assert (await browser.get(f"{API}/me")).status_code == 200
        site.clock.advance(HOUR)
        assert code_of(await browser.get(f"{API}/me")) == "session.expired"
