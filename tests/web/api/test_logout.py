"""Logging out: here, elsewhere, everywhere; with what is good, over, or gone."""

from datetime import timedelta

import pytest

from tests.site import API, PASSWORD, bearer, code_of, running, set_cookies

pytestmark = pytest.mark.anyio

LOGIN_COOKIES = {"__Host-coatcheck", "__Host-coatcheck-access", "__Secure-coatcheck-refresh"}


async def test_a_logout_ends_the_session_and_clears_the_cookies_with_their_own_attributes():
    async with running() as site:
        browser = site.browser()
        await site.register(browser)
        cookie = browser.cookies["__Host-coatcheck"]
        answer = await browser.post(f"{API}/logout")
        assert (answer.status_code, answer.content) == (204, b"")
        assert set_cookies(answer) == {
            "__Host-coatcheck": "__Host-coatcheck=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax",
            "__Host-coatcheck-access": "__Host-coatcheck-access=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax",
            "__Secure-coatcheck-refresh": "__Secure-coatcheck-refresh=; Max-Age=0; Path=/auth/api; HttpOnly; Secure; "
            "SameSite=Strict",
        }
        replayed = site.client(cookie=f"__Host-coatcheck={cookie}")
        assert code_of(await replayed.get(f"{API}/me")) == "session.ended"


async def test_a_second_logout_with_the_same_cookie_is_fine():
    async with running() as site:
        browser = site.browser()
        await site.register(browser)
        kept = site.client(
            cookie=f"__Host-coatcheck={browser.cookies['__Host-coatcheck']}", origin="https://app.example.com"
        )
        for _ in range(2):
            answer = await kept.post(f"{API}/logout")
            assert answer.status_code == 204
            assert set(set_cookies(answer)) == LOGIN_COOKIES


@pytest.mark.parametrize("token", ["ccs_" + "A" * 44, "eyJhbGciOiJub25lIn0.e30.", "rubbish"])
async def test_a_logout_with_what_never_was_a_credential_is_fine(token: str):
    async with running() as site:
        assert (await site.client().post(f"{API}/logout", headers=bearer(token))).status_code == 204
        assert (await site.client().post(f"{API}/logout", headers=bearer(token), json={})).status_code == 204
        assert (await site.client().post(f"{API}/logout")).status_code == 204


async def test_an_expired_access_token_still_ends_its_session():
    async with running() as site:
        client = site.client()
        body = await site.register(client, carry="tokens")
        site.clock.advance(timedelta(minutes=11))
        assert code_of(await client.get(f"{API}/me", headers=bearer(body["access_token"]))) == "token.expired"
        answer = await client.post(f"{API}/logout", headers=bearer(body["access_token"]))
        assert answer.status_code == 204
        refused = await client.post(
            f"{API}/token", data={"grant_type": "refresh_token", "refresh_token": body["refresh_token"]}
        )
        assert refused.json()["code"] == "session.ended"


async def test_a_refresh_token_in_the_body_ends_its_session():
    async with running() as site:
        client = site.client()
        body = await site.register(client, carry="tokens")
        answer = await client.post(f"{API}/logout?wait=true", json={"refresh_token": body["refresh_token"]})
        assert answer.status_code == 200
        assert answer.json()["receipt"]["confirmed"] == 1
        assert code_of(await client.get(f"{API}/me", headers=bearer(body["access_token"]))) == "session.ended"


async def test_a_page_logs_out_by_its_refresh_cookie_alone():
    async with running() as site:
        browser = site.browser()
        body = await site.register(browser, carry="page")
        assert (await browser.post(f"{API}/logout")).status_code == 204
        assert code_of(await browser.get(f"{API}/me", headers=bearer(body["access_token"]))) == "session.ended"


async def test_a_page_that_logs_out_by_header_loses_its_refresh_cookie_too():
    async with running() as site:
        browser = site.browser()
        body = await site.register(browser, carry="page")
        answer = await browser.post(f"{API}/logout", headers=bearer(body["access_token"]))
        assert set(set_cookies(answer)) == {"__Secure-coatcheck-refresh"}


async def test_a_header_logs_out_its_own_session_and_leaves_the_browsers_login_alone():
    async with running() as site:
        browser = site.browser()
        await site.register(browser)
        other = await site.log_in(site.client(), carry="tokens")
        answer = await browser.post(f"{API}/logout", headers=bearer(other["access_token"]))
        assert set_cookies(answer) == {}
        assert (await browser.get(f"{API}/me")).status_code == 200


async def test_logging_out_the_others_keeps_this_one():
    async with running() as site:
        browser, phone = site.browser(), site.client()
        await site.register(browser)
        there = await site.log_in(phone, carry="tokens")
        answer = await browser.post(f"{API}/logout?wait=true", json={"scope": "others"})
        assert answer.status_code == 200
        assert set_cookies(answer) == {}
        assert (await browser.get(f"{API}/me")).status_code == 200
        assert code_of(await phone.get(f"{API}/me", headers=bearer(there["access_token"]))) == "session.ended"


async def test_logging_out_everywhere_takes_this_one_too():
    async with running() as site:
        browser, phone = site.browser(), site.client()
        await site.register(browser)
        there = await site.log_in(phone, carry="header")
        assert (await browser.post(f"{API}/logout", json={"scope": "all"})).status_code == 204
        assert code_of(await phone.get(f"{API}/me", headers=bearer(there["session_token"]))) == "session.ended"


@pytest.mark.parametrize("scope", ["all", "others"])
async def test_ending_other_sessions_takes_a_good_credential(scope: str):
    async with running() as site:
        client, other = site.client(), site.browser()
        body = await site.register(client, carry="tokens")
        await site.log_in(other)
        site.clock.advance(timedelta(minutes=11))
        refused = await client.post(f"{API}/logout", json={"scope": scope}, headers=bearer(body["access_token"]))
        assert (refused.status_code, code_of(refused)) == (401, "token.expired")
        assert (await other.get(f"{API}/me")).status_code == 200


async def test_asking_again_for_the_receipt_of_a_logout_gets_one():
    async with running() as site:
        client = site.client()
        body = await site.register(client, carry="header")
        await client.post(f"{API}/logout", headers=bearer(body["session_token"]))
        again = await client.post(f"{API}/logout?wait=true", headers=bearer(body["session_token"]))
        assert again.status_code == 200
        assert again.json()["receipt"]["confirmed"] == 1


async def test_a_stranger_waits_for_nothing():
    async with running() as site:
        assert (await site.client().post(f"{API}/logout?wait=true")).status_code == 204
        assert (await site.client().post(f"{API}/logout?wait=true", headers=bearer("eyJ.a.b"))).status_code == 204


async def test_the_password_is_still_good_after_a_logout():
    async with running() as site:
        browser = site.browser()
        await site.register(browser)
        await browser.post(f"{API}/logout")
        answer = await browser.post(f"{API}/login", json={"email": "ann@example.com", "password": PASSWORD})
        assert answer.status_code == 200
