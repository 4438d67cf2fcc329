"""Answers are taken from a cache, sniffed as something else, or read by another site.

CS-12, CS-13, CS-14, CS-15.
"""

import pytest

from tests.site import API, running

pytestmark = pytest.mark.anyio

MINE = ["/me", "/sessions", "/admin/users", "/admin/keys", "/admin/audit", "/admin/subscribers"]


async def test_nothing_about_a_person_is_kept_and_a_logout_says_so():
    async with running() as site:
        root = await site.administrator()
        for path in MINE:
            assert (await root.get(f"{API}{path}")).headers["cache-control"] == "no-store"
        answer = await root.post(f"{API}/logout")
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["clear-site-data"] == '"cache"'


async def test_whatever_sets_a_cookie_is_not_kept():
    async with running() as site:
        for carry in ("cookie", "page", "jwt-cookie"):
            browser = site.browser()
            answer = await browser.post(
                f"{API}/register",
                json={"email": f"{carry}@example.com", "password": "three quiet herons wade", "carry": carry},
            )
            assert "set-cookie" in answer.headers
            assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "suffix",
    [
        "/x.css",
        ";.js",
        "/.css",
        "%2f..%2fa.css",
        "%00.css",
        "%0a.css",
        "/style.css?v=1",
        ".css",
        "%3b.js",
        "/..%2fme",
        "%0a",
    ],
)
async def test_an_address_that_looks_like_a_file_is_never_the_answer_about_a_person(suffix: str):
    async with running() as site:
        browser = site.browser()
        await site.register(browser)
        for path in ("/me", "/sessions"):
            answer = await browser.get(f"{API}{path}{suffix}")
            assert answer.status_code in (404, 405)
            assert "ann@example.com" not in answer.text


async def test_json_is_called_json_and_nothing_may_guess_otherwise():
    async with running() as site:
        browser = site.browser()
        await site.register(browser, name="<script>alert(1)</script>")
        for path, kind in (("/me", "application/json"), ("/nothing", "application/problem+json")):
            answer = await browser.get(f"{API}{path}")
            assert answer.headers["content-type"] == kind
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["content-security-policy"].startswith("default-src 'none'")


async def test_no_other_site_can_include_an_answer_as_script_or_image():
    async with running() as site:
        root = await site.administrator()
        for path in MINE:
            answer = await root.get(f"{API}{path}?callback=steal&jsonp=steal")
            assert answer.text.startswith("{")
            assert answer.headers["cross-origin-resource-policy"] == "same-origin"
            assert "access-control-allow-origin" not in answer.headers
