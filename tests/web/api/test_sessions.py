"""The device list."""

import pytest

from tests.site import API, bearer, code_of, running, set_cookies

pytestmark = pytest.mark.anyio


async def test_the_list_shows_every_device_newest_first_and_marks_this_one():
    async with running() as site:
        browser, phone = site.browser("203.0.113.7"), site.client("198.51.100.9")
        await site.register(browser)
        there = await site.log_in(phone, carry="tokens", device="Ann’s phone")
        listed = (await browser.get(f"{API}/sessions")).json()["sessions"]
        assert [set(each) for each in listed] == [
            {"id", "device", "address", "created_at", "seen_at", "expires_at", "current"}
        ] * 2
        assert {(each["device"], each["address"], each["current"]) for each in listed} == {
            ("Ann’s phone", "198.51.100.9", False),
            ("python-httpx2", "203.0.113.7", True),
        }
        assert there["session"]["id"] in {each["id"] for each in listed}


async def test_another_device_can_be_ended_from_here():
    async with running() as site:
        browser, phone = site.browser(), site.client()
        await site.register(browser)
        there = await site.log_in(phone, carry="tokens")
        answer = await browser.delete(f"{API}/sessions/{there['session']['id']}?wait=true")
        assert answer.status_code == 200
        assert set(answer.json()) == {"receipt"}
        assert set(answer.json()["receipt"]) == {"position", "confirmed", "waited_out", "unbound_until", "took_ms"}
        assert code_of(await phone.get(f"{API}/me", headers=bearer(there["access_token"]))) == "session.ended"
        assert len((await browser.get(f"{API}/sessions")).json()["sessions"]) == 1


async def test_ending_a_session_that_has_ended_is_fine():
    async with running() as site:
        browser = site.browser()
        await site.register(browser)
        there = await site.log_in(site.client(), carry="tokens")
        for _ in range(2):
            answer = await browser.delete(f"{API}/sessions/{there['session']['id']}")
            assert (answer.status_code, answer.content) == (204, b"")


async def test_ending_the_current_session_clears_the_cookies():
    async with running() as site:
        browser = site.browser()
        body = await site.register(browser)
        answer = await browser.delete(f"{API}/sessions/{body['session']['id']}")
        assert "__Host-coatcheck" in set_cookies(answer)
        assert code_of(await browser.get(f"{API}/me")) == "token.missing"


async def test_somebody_elses_session_is_as_good_as_none():
    async with running() as site:
        ann, bob = site.browser(), site.browser()
        await site.register(ann)
        theirs = await site.register(bob, "bob@example.com")
        answers = [
            await ann.delete(f"{API}/sessions/{session_id}") for session_id in (theirs["session"]["id"], "ses_nobody")
        ]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].json() == answers[1].json()
        assert (await bob.get(f"{API}/me")).status_code == 200
