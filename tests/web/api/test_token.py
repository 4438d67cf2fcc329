"""The token endpoint."""

import asyncio
from datetime import timedelta

import pytest

from coatcheck.settings import TokenSettings
from tests.site import API, bearer, code_of, running, set_cookies

pytestmark = pytest.mark.anyio


def refreshing(refresh_token: str | None = None, **more: str) -> dict[str, str]:
    form = {"grant_type": "refresh_token", **more}
    return form if refresh_token is None else {**form, "refresh_token": refresh_token}


async def test_a_refresh_answers_as_oauth_does():
    async with running() as site:
        client = site.client()
        body = await site.register(client, carry="tokens")
        site.clock.advance(timedelta(minutes=11))
        answer = await client.post(f"{API}/token", data=refreshing(body["refresh_token"], unknown="ignored"))
        assert answer.status_code == 200
        fresh = answer.json()
        assert set(fresh) == {
            "access_token",
            "token_type",
            "expires_in",
            "refresh_token",
            "refresh_expires_in",
            "scope",
        }
        assert (fresh["token_type"], fresh["expires_in"], fresh["scope"]) == ("Bearer", 600, "")
        assert fresh["refresh_expires_in"] == 12 * 3600 - 11 * 60
        assert fresh["refresh_token"] != body["refresh_token"]
        assert answer.headers["cache-control"] == "no-store"
        me = await client.get(f"{API}/me", headers=bearer(fresh["access_token"]))
        assert me.json()["session"]["id"] == body["session"]["id"]


async def test_a_page_refreshes_by_cookie_and_never_sees_the_refresh_token():
    async with running() as site:
        browser = site.browser()
        await site.register(browser, carry="page")
        old = browser.cookies["__Secure-coatcheck-refresh"]
        answer = await browser.post(f"{API}/token", data=refreshing(), headers=bearer("eyJexpired.a.b"))
        assert answer.status_code == 200
        assert "refresh_token" not in answer.json()
        assert answer.json()["access_token"].startswith("eyJ")
        assert set(set_cookies(answer)) == {"__Secure-coatcheck-refresh"}
        assert browser.cookies["__Secure-coatcheck-refresh"] != old


async def test_with_jwt_cookies_the_access_token_stays_in_its_cookie_too():
    async with running() as site:
        browser = site.browser()
        await site.register(browser, carry="jwt-cookie", remember=True)
        site.clock.advance(timedelta(minutes=11))
        assert code_of(await browser.get(f"{API}/me")) == "token.expired"
        answer = await browser.post(f"{API}/token", data=refreshing())
        assert set(answer.json()) == {"token_type", "expires_in", "refresh_expires_in", "scope"}
        lines = set_cookies(answer)
        assert set(lines) == {"__Secure-coatcheck-refresh", "__Host-coatcheck-access"}
        assert all("Max-Age=" in line for line in lines.values())
        assert (await browser.get(f"{API}/me")).status_code == 200


async def test_a_refresh_token_in_the_form_decides_and_the_cookie_is_left_alone():
    async with running() as site:
        browser, phone = site.browser(), site.client()
        await site.register(browser, carry="page")
        there = await site.log_in(phone, carry="tokens")
        answer = await browser.post(f"{API}/token", data=refreshing(there["refresh_token"]))
        assert answer.json()["refresh_token"]
        assert set_cookies(answer) == {}


async def test_a_session_token_is_exchanged_for_an_access_token_of_the_same_session():
    async with running() as site:
        client = site.client()
        body = await site.register(client, carry="header")
        answer = await client.post(
            f"{API}/token", data={"grant_type": "urn:coatcheck:session"}, headers=bearer(body["session_token"])
        )
        assert set(answer.json()) == {"access_token", "token_type", "expires_in"}
        me = await client.get(f"{API}/me", headers=bearer(answer.json()["access_token"]))
        assert me.json()["session"]["id"] == body["session"]["id"]


async def test_a_session_cookie_is_exchanged_likewise_and_both_die_together():
    async with running() as site:
        browser = site.browser()
        await site.register(browser)
        answer = await browser.post(f"{API}/token", data={"grant_type": "urn:coatcheck:session"})
        token = answer.json()["access_token"]
        await browser.post(f"{API}/logout")
        assert code_of(await site.client().get(f"{API}/me", headers=bearer(token))) == "session.ended"


async def test_an_access_token_is_not_exchanged_for_another_one():
    async with running() as site:
        client = site.client()
        body = await site.register(client, carry="tokens")
        answer = await client.post(
            f"{API}/token", data={"grant_type": "urn:coatcheck:session"}, headers=bearer(body["access_token"])
        )
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
        assert code_of(answer) == "token.wrong_kind"


async def test_an_audience_must_be_one_that_is_offered():
    async with running(tokens=TokenSettings(audiences=("orders",))) as site:
        client = site.client()
        body = await site.register(client, carry="tokens")
        fresh = await client.post(f"{API}/token", data=refreshing(body["refresh_token"], audience="orders"))
        assert code_of(await client.get(f"{API}/me", headers=bearer(fresh.json()["access_token"]))) == (
            "token.wrong_audience"
        )
        refused = await client.post(f"{API}/token", data=refreshing(fresh.json()["refresh_token"], audience="billing"))
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_target")


@pytest.mark.parametrize(
    ("form", "error", "code"),
    [
        ({}, "unsupported_grant_type", "request.invalid"),
        ({"grant_type": "password"}, "unsupported_grant_type", "request.invalid"),
        ({"grant_type": "refresh_token"}, "invalid_request", "token.missing"),
        ({"grant_type": "refresh_token", "refresh_token": ""}, "invalid_request", "token.missing"),
        ({"grant_type": "refresh_token", "refresh_token": "ccr_forged"}, "invalid_grant", "token.invalid"),
        ({"grant_type": "refresh_token", "refresh_token": "ö"}, "invalid_grant", "token.invalid"),
        ({"grant_type": "urn:coatcheck:session"}, "invalid_request", "token.missing"),
        ({"grant_type": "refresh_token", "scope": "admin"}, "invalid_scope", "request.invalid"),
    ],
)
async def test_what_can_not_be_exchanged_is_refused_as_oauth_has_it(form: dict[str, str], error: str, code: str):
    async with running() as site:
        answer = await site.client().post(
            f"{API}/token", data=form, headers={"content-type": "application/x-www-form-urlencoded"}
        )
        assert (answer.status_code, answer.json()["error"], code_of(answer)) == (400, error, code)
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["cache-control"] == "no-store"


async def test_a_parameter_that_appears_twice_is_refused():
    async with running() as site:
        answer = await site.client().post(
            f"{API}/token",
            content="grant_type=refresh_token&grant_type=refresh_token",
            headers={"content-type": "application/x-www-form-urlencoded"},
        )
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("media_type", ["application/json", "text/plain", "multipart/form-data; boundary=x", ""])
async def test_only_a_form_is_read(media_type: str):
    async with running() as site:
        answer = await site.client().post(
            f"{API}/token", content="grant_type=refresh_token", headers={"content-type": media_type}
        )
        assert (answer.status_code, code_of(answer)) == (415, "request.media_type")


async def test_a_replay_ends_the_session_before_it_is_refused():
    async with running() as site:
        client = site.client()
        body = await site.register(client, carry="tokens")
        first = (await client.post(f"{API}/token", data=refreshing(body["refresh_token"]))).json()
        second = (await client.post(f"{API}/token", data=refreshing(first["refresh_token"]))).json()
        refused = await client.post(f"{API}/token", data=refreshing(body["refresh_token"]))
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
        assert code_of(refused) == "token.replayed"
        for token in (body["access_token"], first["access_token"], second["access_token"]):
            assert code_of(await client.get(f"{API}/me", headers=bearer(token))) == "session.ended"
        gone = await client.post(f"{API}/token", data=refreshing(second["refresh_token"]))
        assert code_of(gone) == "session.ended"


async def test_a_hundred_tabs_that_refresh_at_once_get_one_successor():
    async with running() as site:
        browser = site.browser()
        await site.register(browser, carry="page")
        cookie = browser.cookies["__Secure-coatcheck-refresh"]
        tabs = site.client(cookie=f"__Secure-coatcheck-refresh={cookie}", **{"sec-fetch-site": "same-origin"})
        answers = await asyncio.gather(*(tabs.post(f"{API}/token", data=refreshing()) for _ in range(100)))
        assert {answer.status_code for answer in answers} == {200}
        assert len({set_cookies(answer)["__Secure-coatcheck-refresh"] for answer in answers}) == 1
        successor = set_cookies(answers[0])["__Secure-coatcheck-refresh"].partition("=")[2].partition(";")[0]
        later = await site.client().post(f"{API}/token", data=refreshing(successor))
        assert later.status_code == 200
