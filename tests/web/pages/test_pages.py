"""The pages' routes, without a browser: forms, redirects, statuses, headers, cookies."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from html import unescape

import httpx2
import pytest

from coatcheck.errors import StoreUnavailable
from coatcheck.model.user import ADMINISTRATOR, UserStatus
from coatcheck.settings import WebSettings
from coatcheck.testing import login_as
from coatcheck.web.app import build
from tests.site import NAMES, PASSWORD, SAME_ORIGIN, URL, Site, running, set_cookies

pytestmark = pytest.mark.anyio

SESSION = NAMES.session.name
HTML = {"accept": "text/html"}


@asynccontextmanager
async def pages(**settings) -> AsyncIterator[Site]:
    async with running(**settings) as site:
        site.app = build(site.auth)
        yield site


def visitor(site) -> httpx2.AsyncClient:
    """A browser without a login; the jar keeps what it is given."""
    return site.client(**SAME_ORIGIN, **HTML)


async def member(site, email="ann@example.com", *, roles=()) -> httpx2.AsyncClient:
    """A browser in which somebody has logged in with a password."""
    await site.auth.create_user(email, PASSWORD, name="Ann", roles=tuple(roles))
    browser = visitor(site)
    answer = await browser.post("/auth/login", data={"email": email, "password": PASSWORD})
    assert answer.status_code == 303, answer.text
    return browser


async def administrator(site) -> httpx2.AsyncClient:
    return await member(site, "root@example.com", roles=[ADMINISTRATOR])


def place(answer) -> str:
    assert answer.status_code == 303, (answer.status_code, answer.text)
    return answer.headers["location"]


def seen(answer) -> str:
    """The text of a page, tags left out."""
    text = re.sub(r"<[^>]*>", " ", answer.text)
    return " ".join(unescape(text).split())


# -- log in and out ----------------------------------------------------------------------------------------------------


async def test_registering_leads_to_the_account_and_the_account_greets():
    async with pages() as site:
        browser = visitor(site)
        assert (await browser.get("/auth/register")).status_code == 200
        form = {"name": "Ann", "email": "ann@example.com", "password": PASSWORD}
        answer = await browser.post("/auth/register", data=form)
        assert place(answer) == "/auth/account"
        assert set_cookies(answer)[SESSION].endswith("; Path=/; HttpOnly; Secure; SameSite=Lax")
        assert "Hello, Ann" in seen(await browser.get("/auth/account"))


async def test_a_refused_login_is_told_on_the_form_with_its_status_and_without_the_password():
    async with pages() as site:
        await member(site)
        for email in ("ann@example.com", "nobody@example.com"):
            answer = await visitor(site).post("/auth/login", data={"email": email, "password": "not the right one"})
            assert answer.status_code == 401
            assert "The e-mail address or the password is not right." in seen(answer)
            assert f'value="{email}"' in answer.text
            assert "not the right one" not in answer.text
            assert "set-cookie" not in answer.headers


async def test_faults_are_told_beside_their_fields():
    async with pages() as site:
        answer = await visitor(site).post("/auth/register", data={"name": "A", "email": "no", "password": PASSWORD})
        assert answer.status_code == 422
        assert 'id="email-error"' in answer.text
        answer = await visitor(site).post("/auth/register", data={"email": "a@example.com", "password": "short"})
        assert answer.status_code == 422
        assert 'id="password-error"' in answer.text
        await member(site)
        answer = await visitor(site).post("/auth/register", data={"email": "ann@example.com", "password": PASSWORD})
        assert answer.status_code == 409
        assert 'id="email-error"' in answer.text


async def test_too_many_attempts_are_told_with_how_long_to_wait():
    async with pages() as site:
        await member(site)
        stranger = visitor(site)
        form = {"email": "ann@example.com", "password": "not the right one"}
        answers = [await stranger.post("/auth/login", data=form) for _ in range(11)]
        assert answers[-1].status_code == 429
        assert int(answers[-1].headers["retry-after"]) > 0
        assert "Please try again in" in seen(answers[-1])


async def test_an_empty_form_is_a_refusal_not_a_fault():
    async with pages() as site:
        answer = await visitor(site).post("/auth/login", headers={"content-type": "application/x-www-form-urlencoded"})
        assert answer.status_code == 422


async def test_keep_me_logged_in_makes_the_cookie_last():
    async with pages() as site:
        await member(site)
        form = {"email": "ann@example.com", "password": PASSWORD, "remember": "true"}
        answer = await visitor(site).post("/auth/login", data=form)
        assert "; Max-Age=2592000;" in set_cookies(answer)[SESSION]


async def test_logging_in_while_logged_in_goes_on_and_a_new_login_ends_the_old_one():
    async with pages() as site:
        browser = await member(site)
        assert place(await browser.get("/auth/login")) == "/auth/account"
        assert place(await browser.get("/auth/register?return_to=/orders")) == "/orders"
        old = browser.cookies[SESSION]
        assert place(await browser.post("/auth/login", data={"email": "ann@example.com", "password": PASSWORD}))
        assert browser.cookies[SESSION] != old
        user = (await site.auth.find_users())[0]
        assert len(await site.auth.sessions_of(user.id)) == 1


@pytest.mark.parametrize(
    ("asked", "reached"),
    [
        ("/orders?page=2", "/orders?page=2"),
        ("https://evil.example/", "/auth/account"),
        ("//evil.example/", "/auth/account"),
        ("/\\evil.example", "/auth/account"),
        ("javascript:alert(1)", "/auth/account"),
        ("", "/auth/account"),
    ],
)
async def test_after_the_login_one_comes_back_to_a_path_of_this_site_and_nowhere_else(asked, reached):
    async with pages() as site:
        await member(site)
        form = {"email": "ann@example.com", "password": PASSWORD, "return_to": asked}
        assert place(await visitor(site).post("/auth/login", data=form)) == reached


async def test_the_way_back_survives_a_refused_login():
    async with pages() as site:
        await member(site)
        browser = visitor(site)
        answer = await browser.get("/auth/login?return_to=/orders")
        assert 'name="return_to" value="/orders"' in answer.text
        form = {"email": "ann@example.com", "password": "wrong wrong wrong", "return_to": "/orders"}
        assert 'name="return_to" value="/orders"' in (await browser.post("/auth/login", data=form)).text


async def test_a_page_that_needs_a_login_sends_there_and_comes_back():
    async with pages() as site:
        browser = visitor(site)
        assert place(await browser.get("/auth/account")) == "/auth/login?return_to=/auth/account"
        assert place(await browser.post("/auth/password")) == "/auth/login?return_to=/auth/account"
        assert place(await browser.get("/auth/admin/keys")) == "/auth/login?return_to=/auth/admin/keys"


async def test_logging_out_ends_the_session_clears_the_cookies_and_says_who_has_heard():
    async with pages() as site:
        browser = await member(site)
        token = browser.cookies[SESSION]
        answer = await browser.post("/auth/logout")
        assert place(answer) == "/auth/logged-out"
        assert answer.headers["clear-site-data"] == '"cache"'
        assert set_cookies(answer)[SESSION].startswith(f"{SESSION}=; Max-Age=0")
        shown = await browser.get("/auth/logged-out")
        assert "1 of 1 checker confirmed" in seen(shown)
        assert "confirmed" not in seen(await browser.get("/auth/logged-out"))
        answer = await site.client(cookie=f"{SESSION}={token}", **HTML).get("/auth/account")
        assert place(answer) == "/auth/login?return_to=/auth/account"


async def test_logging_out_twice_or_without_a_login_is_no_error():
    async with pages() as site:
        browser = await member(site)
        cookie = {"cookie": f"{SESSION}={browser.cookies[SESSION]}"}
        for _ in range(2):
            assert place(await site.client(**cookie, **SAME_ORIGIN).post("/auth/logout")) == "/auth/logged-out"
        assert place(await visitor(site).post("/auth/logout")) == "/auth/logged-out"


async def test_closed_registration_is_said_on_a_page():
    async with pages(web=WebSettings(register_open=False)) as site:
        for answer in (await visitor(site).get("/auth/register"), await visitor(site).post("/auth/register")):
            assert answer.status_code == 403
            assert "Registration is closed here." in seen(answer)


# -- the account -------------------------------------------------------------------------------------------------------


async def test_a_person_sees_their_sessions_and_ends_another_one():
    async with pages() as site:
        browser = await member(site)
        user = (await site.auth.find_users())[0]
        other = await login_as(site.auth, user.id)
        page = await browser.get("/auth/account")
        assert "this one" in seen(page)
        assert f"/auth/sessions/{other.session.id}/end" in page.text
        answer = await browser.post(f"/auth/sessions/{other.session.id}/end")
        assert place(answer) == "/auth/account"
        assert "Ended. 1 of 1 checker confirmed in" in seen(await browser.get("/auth/account"))
        assert len(await site.auth.sessions_of(user.id)) == 1


async def test_nobody_ends_somebody_elses_session():
    async with pages() as site:
        browser = await member(site)
        bob = await login_as(site.auth, "bob@example.com")
        answer = await browser.post(f"/auth/sessions/{bob.session.id}/end")
        assert answer.status_code == 404
        assert len(await site.auth.sessions_of(bob.user.id)) == 1


async def test_logging_out_everywhere_else_keeps_this_one():
    async with pages() as site:
        browser = await member(site)
        user = (await site.auth.find_users())[0]
        await login_as(site.auth, user.id)
        assert place(await browser.post("/auth/logout", data={"scope": "others"})) == "/auth/account"
        assert "Logged out everywhere else." in seen(await browser.get("/auth/account"))
        assert len(await site.auth.sessions_of(user.id)) == 1


async def test_a_changed_password_ends_the_others_and_renews_this_cookie():
    async with pages() as site:
        browser = await member(site)
        user = (await site.auth.find_users())[0]
        await login_as(site.auth, user.id)
        old = browser.cookies[SESSION]
        form = {"current": PASSWORD, "new": "four loud geese argue"}
        assert place(await browser.post("/auth/password", data=form)) == "/auth/account"
        assert browser.cookies[SESSION] != old
        assert "Your password is changed" in seen(await browser.get("/auth/account"))
        assert len(await site.auth.sessions_of(user.id)) == 1


@pytest.mark.parametrize(
    ("form", "status", "field"),
    [
        ({"current": "wrong wrong wrong", "new": "four loud geese argue"}, 401, "current"),
        ({"current": PASSWORD, "new": "short"}, 422, "new"),
    ],
)
async def test_a_refused_password_is_told_beside_its_field(form, status, field):
    async with pages() as site:
        browser = await member(site)
        answer = await browser.post("/auth/password", data=form)
        assert answer.status_code == status
        assert f'id="{field}-error"' in answer.text
        assert form["new"] not in answer.text


async def test_confirming_the_password_renews_the_cookie_and_goes_on():
    async with pages() as site:
        browser = await member(site)
        old = browser.cookies[SESSION]
        assert (await browser.get("/auth/reauthenticate?return_to=/auth/admin")).status_code == 200
        wrong = await browser.post("/auth/reauthenticate", data={"password": "wrong wrong wrong"})
        assert wrong.status_code == 401
        assert 'id="password-error"' in wrong.text
        form = {"password": PASSWORD, "return_to": "/auth/admin"}
        assert place(await browser.post("/auth/reauthenticate", data=form)) == "/auth/admin"
        assert browser.cookies[SESSION] != old


async def test_an_old_cookie_is_renewed_in_passing():
    async with pages() as site:
        browser = await member(site)
        old = browser.cookies[SESSION]
        site.clock.advance(timedelta(hours=1))
        assert (await browser.get("/auth/account")).status_code == 200
        assert browser.cookies[SESSION] != old


# -- administration ----------------------------------------------------------------------------------------------------

ADMIN_PAGES = ["/auth/admin", "/auth/admin/keys", "/auth/admin/users/usr_x"]


@pytest.mark.parametrize("path", ADMIN_PAGES)
async def test_administration_is_for_administrators(path):
    async with pages() as site:
        answer = await (await member(site)).get(path)
        assert answer.status_code == 403
        assert "These pages are for administrators." in seen(answer)


async def test_an_administrator_finds_people():
    async with pages() as site:
        browser = await administrator(site)
        for number in range(30):
            await site.auth.create_user(f"user{number:02}@example.com")
        first = await browser.get("/auth/admin")
        assert "Next page" in seen(first)
        found = await browser.post("/auth/admin/search", data={"query": "user07", "status": ""})
        assert found.status_code == 200
        assert "user07@example.com" in seen(found)
        assert "user08@example.com" not in seen(found)
        cursor = re.search(r'name="cursor" value="([^"]+)"', first.text)
        second = await browser.post("/auth/admin/search", data={"query": "", "status": "", "cursor": cursor[1]})
        emails = re.findall(r"[a-z0-9]+@example\.com", seen(first)) + re.findall(
            r"[a-z0-9]+@example\.com", seen(second)
        )
        assert len(set(emails)) == 31
        assert (await browser.post("/auth/admin/search", data={"status": "odd"})).status_code == 422


async def test_an_administrator_suspends_and_restores():
    async with pages() as site:
        browser = await administrator(site)
        ann = await login_as(site.auth, "ann@example.com")
        at = f"/auth/admin/users/{ann.user.id}"
        assert place(await browser.post(f"{at}/suspend")) == at
        page = await browser.get(at)
        assert "Suspended, and logged out everywhere. 1 of 1 checker confirmed" in seen(page)
        assert (await site.auth.require_user(ann.user.id)).status is UserStatus.SUSPENDED
        assert not await site.auth.sessions_of(ann.user.id)
        assert place(await browser.post(f"{at}/restore")) == at
        assert (await site.auth.require_user(ann.user.id)).status is UserStatus.ACTIVE


async def test_an_administrator_locks_an_account_that_is_in_other_hands():
    async with pages() as site:
        browser = await administrator(site)
        await site.auth.create_user("ann@example.com", PASSWORD)
        ann = await login_as(site.auth, "ann@example.com")
        at = f"/auth/admin/users/{ann.user.id}"
        refused = await browser.post(f"{at}/compromised", data={"reason": " "})
        assert refused.status_code == 422
        assert 'id="reason-error"' in refused.text
        assert len(await site.auth.sessions_of(ann.user.id)) == 1
        assert place(await browser.post(f"{at}/compromised", data={"reason": "phished"})) == at
        page = await browser.get(at)
        assert "Locked, and logged out everywhere. It needs another password now." in seen(page)
        assert "reason: phished" in seen(page)
        assert not await site.auth.sessions_of(ann.user.id)
        assert (await site.auth.require_user(ann.user.id)).password_hash is None
        own = (await site.auth.find_users(query="root"))[0]
        assert "/compromised" not in (await browser.get(f"/auth/admin/users/{own.id}")).text


async def test_an_administrator_sets_roles():
    async with pages() as site:
        browser = await administrator(site)
        ann = await login_as(site.auth, "ann@example.com")
        at = f"/auth/admin/users/{ann.user.id}"
        assert place(await browser.post(f"{at}/roles", data={"roles": "editor  reader"})) == at
        assert (await site.auth.require_user(ann.user.id)).roles == ("editor", "reader")
        refused = await browser.post(f"{at}/roles", data={"roles": "not!a!role"})
        assert refused.status_code == 422
        assert 'value="not!a!role"' in refused.text


async def test_an_administrator_ends_sessions_of_others():
    async with pages() as site:
        browser = await administrator(site)
        first, _, _ = [await login_as(site.auth, "ann@example.com") for _ in range(3)]
        at = f"/auth/admin/users/{first.user.id}"
        assert place(await browser.post(f"{at}/sessions/{first.session.id}/end")) == at
        assert len(await site.auth.sessions_of(first.user.id)) == 2
        assert place(await browser.post(f"{at}/end-sessions")) == at
        assert not await site.auth.sessions_of(first.user.id)


async def test_the_last_administrator_stays():
    async with pages() as site:
        browser = await administrator(site)
        root = (await site.auth.find_users())[0]
        answer = await browser.post(f"/auth/admin/users/{root.id}/suspend")
        assert answer.status_code == 409
        assert "This is the last administrator." in seen(answer)


async def test_keys_are_shown_rotated_and_revoked():
    async with pages() as site:
        browser = await administrator(site)
        page = await browser.get("/auth/admin/keys")
        keys = await site.auth.keys()
        assert all(key.kid in page.text for key in keys)
        assert place(await browser.post("/auth/admin/keys/rotate")) == "/auth/admin/keys"
        kid = (await site.auth.keys())[0].kid
        answer = await browser.post(f"/auth/admin/keys/{kid}/revoke", data={"reason": "leaked"})
        assert place(answer) == "/auth/admin/keys"
        assert "The key is revoked." in seen(await browser.get("/auth/admin/keys"))
        assert kid not in [key.kid for key in await site.auth.keys()]


async def test_ending_everything_wants_a_reason_and_ends_the_administrators_session_too():
    async with pages() as site:
        browser = await administrator(site)
        refused = await browser.post("/auth/admin/end-everything", data={"reason": " "})
        assert refused.status_code == 422
        assert 'id="reason-error"' in refused.text
        answer = await browser.post("/auth/admin/end-everything", data={"reason": "a leak"})
        assert place(answer) == "/auth/logged-out"
        assert "Everybody is logged out." in seen(await browser.get("/auth/logged-out"))
        assert place(await browser.get("/auth/account")).startswith("/auth/login")


async def test_a_change_by_an_administrator_wants_a_recent_proof_and_comes_back():
    async with pages() as site:
        browser = await administrator(site)
        ann = await login_as(site.auth, "ann@example.com")
        site.clock.advance(timedelta(minutes=16))
        at = f"/auth/admin/users/{ann.user.id}"
        assert (await browser.get(at)).status_code == 200
        assert place(await browser.post(f"{at}/suspend")) == f"/auth/reauthenticate?return_to={at}"
        assert (await site.auth.require_user(ann.user.id)).status is UserStatus.ACTIVE
        form = {"password": PASSWORD, "return_to": at}
        assert place(await browser.post("/auth/reauthenticate", data=form)) == at
        assert place(await browser.post(f"{at}/suspend")) == at


# -- every page --------------------------------------------------------------------------------------------------------


async def test_every_page_forbids_scripts_frames_and_caches():
    async with pages() as site:
        browser = await administrator(site)
        for path in ("/auth/login", "/auth/account", "/auth/admin", "/auth/logged-out", "/auth/nothing-here"):
            headers = (await browser.get(path)).headers
            policy = headers["content-security-policy"]
            assert policy.startswith("default-src 'none';")
            assert "script-src" not in policy
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert headers["cache-control"] == "no-store"
            assert headers["x-frame-options"] == "DENY"
            assert headers["strict-transport-security"]


@pytest.mark.parametrize("path", ["/auth/login", "/auth/register", "/auth/logout", "/auth/password"])
@pytest.mark.parametrize("headers", [{}, {"origin": "https://evil.example"}, {"origin": "null"}])
async def test_a_form_from_elsewhere_is_refused_logged_in_or_not(path, headers):
    async with pages() as site:
        browser = await member(site)
        cookie = {"cookie": f"{SESSION}={browser.cookies[SESSION]}"}
        for sent in ({}, cookie):
            answer = await site.client(**headers, **sent, **HTML).post(path, data={"email": "ann@example.com"})
            assert answer.status_code == 403
            assert "set-cookie" not in answer.headers
        assert (await browser.get("/auth/account")).status_code == 200


async def test_a_wrong_method_says_which_would_do():
    async with pages() as site:
        answer = await visitor(site).get("/auth/logout")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
        answer = await visitor(site).put("/auth/login")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")


async def test_head_is_answered_as_get_without_the_page():
    async with pages() as site:
        head, get = await visitor(site).head("/auth/login"), await visitor(site).get("/auth/login")
        assert head.content == b""
        assert head.headers["content-length"] == get.headers["content-length"]


async def test_what_is_no_form_is_refused():
    async with pages() as site:
        assert (await visitor(site).post("/auth/login", json={"email": "a"})).status_code == 415
        assert (await visitor(site).post("/auth/login", data={"x": "y" * 70_000})).status_code == 413
        double = await visitor(site).post(
            "/auth/login", content=b"email=a&email=b", headers={"content-type": "application/x-www-form-urlencoded"}
        )
        assert double.status_code == 400


async def test_cookies_that_came_twice_are_cleared_and_that_is_said():
    async with pages() as site:
        client = site.client(cookie=f"{SESSION}=a; {SESSION}=b", **HTML)
        answer = await client.get("/auth/account")
        assert answer.status_code == 401
        assert set_cookies(answer)[SESSION].startswith(f"{SESSION}=; Max-Age=0")
        assert "We cleared this site" in seen(answer)


async def test_a_store_that_is_away_is_said_with_when_to_try_again(monkeypatch):
    async with pages() as site:
        browser = await member(site)

        async def away(*_, **__):
            raise StoreUnavailable

        monkeypatch.setattr(site.auth, "get_user", away)
        answer = await browser.get("/auth/account")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert "You have not been logged out." in seen(answer)


@pytest.mark.parametrize("notice", ["!!!", "_w", "PHNjcmlwdD4", "w" * 4000])
async def test_a_forged_notice_is_text_or_nothing(notice):
    async with pages() as site:
        answer = await site.client(cookie=f"{SESSION}-notice={notice}", **HTML).get("/auth/logged-out")
        assert answer.status_code == 200
        assert "<script" not in answer.text


async def test_static_files_are_kept_for_long_and_known_again():
    async with pages() as site:
        login = await visitor(site).get("/auth/login")
        for path in set(re.findall(r'(/auth/static/[^"]+)"', login.text)):
            answer = await visitor(site).get(path)
            assert answer.status_code == 200
            kind = "text/css; charset=utf-8" if ".css" in path else "image/svg+xml"
            assert answer.headers["content-type"] == kind
            assert answer.headers["cache-control"].endswith("max-age=31536000, immutable")
            again = await visitor(site).get(path, headers={"if-none-match": f'"x", W/{answer.headers["etag"]}'})
            assert (again.status_code, again.content) == (304, b"")
        assert (await visitor(site).post("/auth/static/mark.svg")).status_code == 405


@pytest.mark.parametrize("name", ["nothing.css", "..%2frendering.py", "%2e%2e/app.py", "coatcheck.css/"])
async def test_nothing_but_the_static_files_can_be_fetched(name):
    async with pages() as site:
        assert (await visitor(site).get(f"/auth/static/{name}")).status_code in (404, 307)
        assert "import" not in (await visitor(site).get(f"/auth/static/{name}")).text


async def test_the_folder_above_the_static_files_is_the_way_to_the_login():
    async with pages() as site:
        answer = await visitor(site).get("/auth/static/..")
        assert answer.status_code == 303
        assert place(answer) == "/auth/login"


@pytest.mark.parametrize("ending", ["/x.css", ".css", ";.js", "%2fx.css"])
async def test_a_page_has_one_address_so_no_cache_takes_it_for_a_file(ending):
    async with pages() as site:
        browser = await member(site)
        answer = await browser.get(f"/auth/account{ending}")
        assert answer.status_code == 404
        assert "Hello, Ann" not in answer.text
        assert answer.headers["cache-control"] == "no-store"


async def test_pages_are_mounted_where_the_settings_say():
    async with pages(web=WebSettings(path="/door")) as site:
        answer = await visitor(site).get("/door/account")
        assert place(answer) == "/door/login?return_to=/door/account"
        assert "/door/static/" in (await visitor(site).get("/door/login")).text
        assert URL not in (await visitor(site).get("/door/login")).text


@pytest.mark.parametrize(("after_login", "place_after"), [("", "/door/account"), ("/shop", "/shop")])
async def test_a_login_leads_to_the_account_page_or_where_the_settings_say(after_login: str, place_after: str):
    async with pages(web=WebSettings(path="/door", after_login=after_login)) as site:
        form = {"name": "Ann", "email": "ann@example.com", "password": PASSWORD}
        assert place(await visitor(site).post("/door/register", data=form)) == place_after
