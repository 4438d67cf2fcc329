"""Another site makes the victim's browser send requests here.

CS-01, CS-02, CS-03, CS-06, CS-07, LG-22, RF-20: forms, scripts, images, on every route that changes something.
"""

import pytest

from coatcheck.model.user import ADMINISTRATOR
from coatcheck.web.api.endpoint import Endpoint
from coatcheck.web.api.table import full_path, table
from tests.site import API, PASSWORD, Site, code_of, running

pytestmark = pytest.mark.anyio

UNSAFE = [endpoint for endpoint in table("/auth") if not endpoint.is_safe]
FORMS = ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"]
READ_NO_COOKIE = ("api/introspect", "api/revoke")
"""What they are about, and who asks, stands in the form: a browser adds nothing to it."""
CROSS_SITE = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "origin": "https://evil.example"}


async def _victims_cookies(site: Site, carry: str = "cookie") -> str:
    """Everything that an administrator's browser could send."""
    browser = site.browser()
    await site.register(browser, carry=carry)
    user = (await site.auth.find_users())[0]
    await site.auth.set_roles(user.id, (ADMINISTRATOR,))
    if carry == "jwt-cookie":
        await browser.post(f"{API}/token", data={"grant_type": "refresh_token"})
    return "; ".join(f"{each.name}={each.value}" for each in browser.cookies.jar)


async def _log(site: Site) -> int:
    return len(await site.auth.audit(limit=1000))


@pytest.mark.parametrize("media_type", [*FORMS, "application/json"])
@pytest.mark.parametrize("endpoint", UNSAFE, ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
async def test_a_cross_site_request_is_refused_and_changes_nothing(endpoint: Endpoint, media_type: str):
    async with running() as site:
        cookies = await _victims_cookies(site, "page" if endpoint.is_oauth else "cookie")
        before = await _log(site)
        content = b"grant_type=refresh_token" if endpoint.is_oauth else b'{"reason":"csrf"}'
        answer = await site.client(cookie=cookies).request(
            endpoint.method,
            full_path(endpoint, "/auth"),
            content=content,
            headers={**CROSS_SITE, "content-type": media_type},
        )
        if endpoint.is_oauth and media_type != FORMS[0]:
            assert answer.status_code == 415
        elif endpoint.path in READ_NO_COOKIE:
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        else:
            assert (answer.status_code, code_of(answer)) == (403, "origin.refused")
        assert "set-cookie" not in answer.headers
        assert await _log(site) == before


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"origin": ""},
        {"origin": "null"},
        {"origin": "https://evil.example"},
        {"origin": "https://evil-app.example.com"},
        {"origin": "https://app.example.com.evil.example"},
        {"origin": "http://app.example.com"},
        {"origin": "https://app.example.com:8443"},
        {"origin": "https://APP.example.com"},
        {"origin": "https://app.example.com/"},
        {"referer": "https://app.example.com/auth/account"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "Same-Origin"},
        {"x-requested-with": "XMLHttpRequest"},
    ],
)
@pytest.mark.parametrize("carry", ["cookie", "jwt-cookie"])
async def test_where_a_cookie_authenticates_a_request_must_say_where_it_comes_from(carry: str, said: dict[str, str]):
    async with running() as site:
        cookies = await _victims_cookies(site, carry)
        client = site.client(cookie=cookies)
        assert (await client.get(f"{API}/me", headers=said)).status_code == 200
        answer = await client.patch(f"{API}/me", json={"name": "Mallory"}, headers=said)
        assert (answer.status_code, code_of(answer)) == (403, "origin.refused")
        assert (await client.get(f"{API}/me")).json()["user"]["name"] == ""


async def test_a_refresh_by_cookie_must_say_so_too():
    async with running() as site:
        cookies = await _victims_cookies(site, "page")
        answer = await site.client(cookie=cookies).post(f"{API}/token", data={"grant_type": "refresh_token"})
        assert (answer.status_code, code_of(answer)) == (403, "origin.refused")


async def test_a_header_needs_no_origin_since_no_site_can_make_a_browser_add_it():
    async with running() as site:
        client = site.client()
        token = (await site.register(client, carry="header"))["session_token"]
        answer = await client.patch(
            f"{API}/me", json={"name": "Ann"}, headers={"authorization": f"Bearer {token}", **CROSS_SITE}
        )
        assert answer.status_code == 200


@pytest.mark.parametrize("media_type", [*FORMS, "", "application/jsonp", "application/json; charset=utf-16"])
async def test_a_json_route_reads_json_alone(media_type: str):
    async with running() as site:
        cookies = await _victims_cookies(site)
        own = {"cookie": cookies, "sec-fetch-site": "same-origin", "content-type": media_type}
        for endpoint in UNSAFE:
            if endpoint.body is None:
                continue
            answer = await site.client(**own).request(
                endpoint.method, full_path(endpoint, "/auth"), content=b'{"reason":"x"}'
            )
            assert (answer.status_code, code_of(answer)) == (415, "request.media_type")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_looking_never_changes_anything(method: str):
    async with running() as site:
        cookies = await _victims_cookies(site)
        before = await _log(site)
        overrides = {"x-http-method-override": "POST", "x-method-override": "DELETE", "x-http-method": "PATCH"}
        client = site.client(cookie=cookies, **CROSS_SITE, **overrides)
        for endpoint in UNSAFE:
            path = full_path(endpoint, "/auth")
            for query in ("", "?_method=POST", "?_method=DELETE&method=DELETE"):
                assert (await client.request(method, path + query)).status_code in (200, 404, 405)
        assert await _log(site) == before
        assert (await client.get(f"{API}/me")).status_code == 200


async def test_an_image_does_not_log_anybody_out():
    async with running() as site:
        cookies = await _victims_cookies(site)
        client = site.client(cookie=cookies, **CROSS_SITE)
        answer = await client.get(f"{API}/logout")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST, OPTIONS")
        assert "set-cookie" not in answer.headers
        assert (await client.get(f"{API}/me")).status_code == 200


async def test_nobody_is_logged_in_to_an_attackers_account_by_another_site():
    async with running() as site:
        await site.register(site.client(), "mallory@example.com")
        for headers in (CROSS_SITE, {"origin": "https://evil.example"}, {"sec-fetch-site": "same-site"}):
            answer = await site.client().post(
                f"{API}/login", json={"email": "mallory@example.com", "password": PASSWORD}, headers=headers
            )
            assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)
