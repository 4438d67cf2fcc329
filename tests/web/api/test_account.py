"""Register, log in, look, change, prove, log out: with every carry."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from coatcheck.sessions.change import change_user
from coatcheck.settings import WebSettings
from tests.site import API, PASSWORD, bearer, code_of, running, set_cookies

pytestmark = pytest.mark.anyio


async def test_registering_answers_who_and_which_session_and_sets_the_session_cookie():
    async with running() as site:
        browser = site.browser()
        answer = await browser.post(
            f"{API}/register",
            json={"email": "Ann@Example.com", "password": PASSWORD, "name": "Ann"},
            headers={"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"},
        )
        assert answer.status_code == 201
        body = answer.json()
        assert set(body) == {"user", "session"}
        assert set(body["user"]) == {"id", "email", "name", "roles", "status", "created_at"}
        assert body["user"] | {"id": "", "created_at": ""} == {
            "id": "",
            "email": "Ann@Example.com",
            "name": "Ann",
            "roles": [],
            "status": "active",
            "created_at": "",
        }
        assert set(body["session"]) == {"id", "created_at", "authenticated_at", "expires_at", "device", "amr"}
        assert body["session"]["device"] == "Firefox on Linux"
        assert body["session"]["created_at"] == "2026-01-01T12:00:00Z"
        assert set(set_cookies(answer)) == {"__Host-coatcheck", "__Host-coatcheck-device"}
        assert set_cookies(answer)["__Host-coatcheck"].endswith("; Path=/; HttpOnly; Secure; SameSite=Lax")
        me = await browser.get(f"{API}/me")
        assert me.json() == {"user": body["user"], "session": body["session"]}


async def test_carry_header_answers_a_session_token_and_sets_no_cookie():
    async with running() as site:
        client = site.client()
        answer = await client.post(
            f"{API}/register", json={"email": "ann@example.com", "password": PASSWORD, "carry": "header"}
        )
        body = answer.json()
        assert body["session_token"].startswith("ccs_")
        assert (body["token_type"], body["expires_in"]) == ("Bearer", 12 * 3600)
        assert "refresh_token" not in body
        assert "access_token" not in body
        assert body["device_token"].startswith("ccd_")
        assert set_cookies(answer) == {}
        me = await client.get(f"{API}/me", headers=bearer(body["session_token"]))
        assert me.json()["session"]["id"] == body["session"]["id"]


async def test_carry_tokens_answers_an_access_and_a_refresh_token_and_sets_no_cookie():
    async with running() as site:
        client = site.client()
        answer = await client.post(
            f"{API}/register", json={"email": "ann@example.com", "password": PASSWORD, "carry": "tokens"}
        )
        body = answer.json()
        assert body["access_token"].startswith("eyJ")
        assert body["refresh_token"].startswith("ccr_")
        assert (body["token_type"], body["expires_in"], body["refresh_expires_in"]) == ("Bearer", 600, 12 * 3600)
        assert "session_token" not in body
        assert set_cookies(answer) == {}
        assert (await client.get(f"{API}/me", headers=bearer(body["access_token"]))).status_code == 200


async def test_carry_page_keeps_the_refresh_token_in_its_cookie():
    async with running() as site:
        browser = site.browser()
        answer = await browser.post(
            f"{API}/register", json={"email": "ann@example.com", "password": PASSWORD, "carry": "page"}
        )
        body = answer.json()
        assert body["access_token"].startswith("eyJ")
        assert (body["token_type"], body["expires_in"], body["refresh_expires_in"]) == ("Bearer", 600, 12 * 3600)
        assert not {"refresh_token", "session_token", "device_token"} & set(body)
        lines = set_cookies(answer)
        assert set(lines) == {"__Secure-coatcheck-refresh", "__Host-coatcheck-device"}
        assert lines["__Secure-coatcheck-refresh"].endswith("; Path=/auth/api; HttpOnly; Secure; SameSite=Strict")
        assert (await browser.get(f"{API}/me", headers=bearer(body["access_token"]))).status_code == 200
        assert code_of(await browser.get(f"{API}/me")) == "token.missing"


async def test_carry_jwt_cookie_puts_nothing_into_the_body():
    async with running() as site:
        browser = site.browser()
        answer = await browser.post(
            f"{API}/register", json={"email": "ann@example.com", "password": PASSWORD, "carry": "jwt-cookie"}
        )
        assert set(answer.json()) == {"user", "session"}
        assert set(set_cookies(answer)) == {
            "__Host-coatcheck-access",
            "__Secure-coatcheck-refresh",
            "__Host-coatcheck-device",
        }
        assert (await browser.get(f"{API}/me")).status_code == 200


@pytest.mark.parametrize(("remember", "max_age"), [(False, None), (True, 30 * 86_400)])
async def test_cookies_persist_only_for_who_asks_to_be_remembered(remember: bool, max_age: int | None):
    async with running() as site:
        browser = site.browser()
        await site.register(browser)
        answer = await browser.post(
            f"{API}/login", json={"email": "ann@example.com", "password": PASSWORD, "remember": remember}
        )
        line = set_cookies(answer)["__Host-coatcheck"]
        assert ("Max-Age" in line) is (max_age is not None)
        assert max_age is None or f"Max-Age={max_age};" in line


async def test_logging_in_again_ends_the_login_that_this_browser_held():
    async with running() as site:
        browser = site.browser()
        first = await site.register(browser)
        old = browser.cookies["__Host-coatcheck"]
        second = await site.log_in(browser)
        assert second["session"]["id"] != first["session"]["id"]
        stale = site.client(cookie=f"__Host-coatcheck={old}", origin="https://app.example.com")
        assert code_of(await stale.get(f"{API}/me")) == "session.ended"


async def test_logging_in_with_another_carry_leaves_one_login_in_the_browser():
    async with running() as site:
        browser = site.browser()
        first = await site.register(browser, carry="page")
        answer = await browser.post(f"{API}/login", json={"email": "ann@example.com", "password": PASSWORD})
        assert "Max-Age=0" in set_cookies(answer)["__Secure-coatcheck-refresh"]
        listed = (await browser.get(f"{API}/sessions")).json()["sessions"]
        assert [each["id"] for each in listed] == [answer.json()["session"]["id"]]
        assert code_of(await browser.get(f"{API}/me", headers=bearer(first["access_token"]))) == "session.ended"


async def test_a_known_device_is_told_by_its_cookie_and_gets_no_second_one():
    async with running() as site:
        browser = site.browser()
        await site.register(browser)
        answer = await browser.post(f"{API}/login", json={"email": "ann@example.com", "password": PASSWORD})
        assert "__Host-coatcheck-device" not in set_cookies(answer)


async def test_a_native_client_sends_its_device_token_back():
    async with running() as site:
        client = site.client()
        first = await site.register(client, carry="tokens")
        again = await site.log_in(client, carry="tokens", device_token=first["device_token"])
        assert "device_token" not in again
        stranger = await site.log_in(client, carry="tokens")
        assert stranger["device_token"] != first["device_token"]


async def test_a_closed_registration_is_refused():
    async with running(web=WebSettings(register_open=False)) as site:
        answer = await site.browser().post(f"{API}/register", json={"email": "ann@example.com", "password": PASSWORD})
        assert (answer.status_code, code_of(answer)) == (403, "access.denied")


async def test_a_taken_address_is_a_conflict():
    async with running() as site:
        await site.register(site.browser())
        answer = await site.browser().post(f"{API}/register", json={"email": "ANN@example.com", "password": PASSWORD})
        assert (answer.status_code, code_of(answer)) == (409, "email.taken")


async def test_a_name_can_be_changed_and_left_alone():
    async with running() as site:
        browser = site.browser()
        await site.register(browser, name="Ann")
        assert (await browser.patch(f"{API}/me", json={})).json()["user"]["name"] == "Ann"
        assert (await browser.patch(f"{API}/me", json={"name": "Bea"})).json()["user"]["name"] == "Bea"
        answer = await browser.patch(f"{API}/me?wait=true", json={"name": "Cleo"})
        assert answer.json()["user"]["name"] == "Cleo"
        assert answer.json()["receipt"]["waited_out"] == 0


async def test_a_password_change_ends_every_other_session_and_renews_this_one():
    async with running() as site:
        here, there = site.browser(), site.client()
        await site.register(here)
        old_cookie = here.cookies["__Host-coatcheck"]
        elsewhere = await site.log_in(there, carry="tokens")
        changed = await here.post(
            f"{API}/password?wait=true", json={"current": PASSWORD, "new": "four loud geese cross"}
        )
        assert changed.status_code == 200
        assert set(changed.json()) == {"session", "receipt"}
        assert here.cookies["__Host-coatcheck"] != old_cookie
        assert (await here.get(f"{API}/me")).status_code == 200
        stale = site.client(cookie=f"__Host-coatcheck={old_cookie}")
        assert (await stale.get(f"{API}/me")).status_code == 401
        assert code_of(await there.get(f"{API}/me", headers=bearer(elsewhere["access_token"]))) == "session.ended"


async def test_reauthentication_moves_authenticated_at_and_renews_every_credential():
    async with running() as site:
        client = site.client()
        body = await site.register(client, carry="tokens")
        site.clock.advance(timedelta(minutes=5))
        answer = await client.post(
            f"{API}/reauthenticate", json={"password": PASSWORD}, headers=bearer(body["access_token"])
        )
        renewed = answer.json()
        assert renewed["session"]["id"] == body["session"]["id"]
        assert renewed["session"]["authenticated_at"] == "2026-01-01T12:05:00Z"
        assert code_of(await client.get(f"{API}/me", headers=bearer(body["access_token"]))) == "token.outdated"
        refused = await client.post(
            f"{API}/token", data={"grant_type": "refresh_token", "refresh_token": body["refresh_token"]}
        )
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


async def test_a_wrong_password_neither_reauthenticates_nor_changes_anything():
    async with running() as site:
        browser = site.browser()
        await site.register(browser)
        refused = await browser.post(f"{API}/reauthenticate", json={"password": "something else entirely"})
        assert (refused.status_code, code_of(refused)) == (401, "login.refused")
        refused = await browser.post(
            f"{API}/password", json={"current": "something else entirely", "new": "four loud geese cross"}
        )
        assert (refused.status_code, code_of(refused)) == (401, "login.refused")
        assert (await browser.get(f"{API}/me")).status_code == 200


async def test_a_role_that_changes_while_a_password_is_proven_does_not_log_anybody_out():
    async with running() as site:
        browser = site.browser()
        body = await site.register(browser)
        verify = site.auth._ready.hasher.verify

        def slow(*arguments: object) -> bool:
            right = verify(*arguments)
            store = site.auth.store
            user = store.view(lambda tx: tx.users.get(body["user"]["id"]))
            if not user.roles:
                store.transact(
                    lambda tx: change_user(
                        tx, replace(user, roles=("editor",)), kind="test", at=site.clock.now, actor_id=None
                    )
                )
            return right

        site.auth._ready.hasher.verify = slow
        assert (await browser.post(f"{API}/reauthenticate", json={"password": PASSWORD})).status_code == 200
        assert (await browser.get(f"{API}/me")).json()["user"]["roles"] == ["editor"]


async def test_a_cookie_is_renewed_in_passing_and_its_predecessor_lives_through_the_grace():
    async with running() as site:
        browser = site.browser()
        await site.register(browser)
        old = browser.cookies["__Host-coatcheck"]
        site.clock.advance(timedelta(minutes=61))
        answer = await browser.get(f"{API}/me")
        assert set(set_cookies(answer)) == {"__Host-coatcheck"}
        assert browser.cookies["__Host-coatcheck"] != old
        slow_tab = site.client(cookie=f"__Host-coatcheck={old}")
        late = await slow_tab.get(f"{API}/me")
        assert late.status_code == 200
        assert set_cookies(late) == {}
        site.clock.advance(timedelta(seconds=11))
        assert code_of(await slow_tab.get(f"{API}/me")) == "token.expired"
        assert (await browser.get(f"{API}/me")).status_code == 200


async def test_a_header_decides_alone_and_a_good_cookie_beside_it_is_no_fallback():
    async with running() as site:
        browser = site.browser()
        await site.register(browser)
        answer = await browser.get(f"{API}/me", headers=bearer("ccs_" + "A" * 44))
        assert (answer.status_code, code_of(answer)) == (401, "token.invalid")


async def test_a_device_may_name_itself():
    async with running() as site:
        client = site.client()
        body = await site.register(client, carry="header", device="Ann’s kitchen tablet")
        assert body["session"]["device"] == "Ann’s kitchen tablet"
        refused = await client.post(
            f"{API}/login", json={"email": "ann@example.com", "password": PASSWORD, "device": "x" * 101}
        )
        assert code_of(refused) == "request.invalid"


async def test_a_command_line_that_keeps_cookies_may_log_in_again_without_saying_where_it_comes_from():
    async with running() as site:
        client = site.client()
        first = await site.register(client)
        second = await site.log_in(client)
        listed = (await client.get(f"{API}/sessions")).json()["sessions"]
        assert [each["id"] for each in listed] == [second["session"]["id"]]
        assert first["session"]["id"] != second["session"]["id"]
