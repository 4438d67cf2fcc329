"""Methods, addresses and headers of every route."""

import pytest
from starlette.applications import Starlette

from coatcheck.settings import WebSettings
from coatcheck.web.api import routes
from coatcheck.web.api.table import full_path, table
from tests.site import API, code_of, running

pytestmark = pytest.mark.anyio

TABLE = table("/auth")
FRIEND = "https://friend.example.com"


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PUT", "PROPFIND", "G\u0045TX"])
async def test_a_method_that_a_path_does_not_answer_is_refused_and_the_others_are_named(method: str):
    async with running() as site:
        client = site.client()
        for endpoint in TABLE:
            answer = await client.request(method, full_path(endpoint, "/auth"))
            assert (answer.status_code, code_of(answer)) == (405, "request.method")
            assert endpoint.method in answer.headers["allow"]


async def test_head_answers_as_get_without_a_body():
    async with running() as site:
        browser = site.browser()
        await site.register(browser)
        got, headed = await browser.get(f"{API}/me"), await browser.head(f"{API}/me")
        assert (headed.status_code, headed.content) == (200, b"")
        assert headed.headers["content-length"] == got.headers["content-length"]


async def test_options_names_the_methods_and_does_nothing():
    async with running() as site:
        answer = await site.client().options(f"{API}/me")
        assert (answer.status_code, answer.headers["allow"]) == (204, "GET, PATCH, HEAD, OPTIONS")


@pytest.mark.parametrize(
    "path",
    ["", "/", "/nothing", "/me/", "/me/x.css", "/me;.js", "/me%2f..%2fa.css", "//me", "/ME", "/me.", "/admin/..;/me"],
)
async def test_what_is_not_in_the_table_is_not_there(path: str):
    async with running() as site:
        browser = site.browser()
        await site.register(browser)
        answer = await browser.get(f"{API}{path}")
        assert (answer.status_code, code_of(answer)) == (404, "request.not_found")


async def test_every_answer_has_the_security_headers_and_is_not_stored():
    async with running() as site:
        client = site.client()
        for endpoint in TABLE:
            for method in (endpoint.method, "PUT", "OPTIONS"):
                answer = await client.request(method, full_path(endpoint, "/auth"))
                assert answer.headers["x-content-type-options"] == "nosniff"
                assert answer.headers["referrer-policy"] == "no-referrer"
                assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
                assert answer.headers["strict-transport-security"]
                is_cacheable = endpoint.is_public and answer.status_code == 200
                assert (answer.headers["cache-control"] == "no-store") is not is_cacheable


async def test_an_allowed_origin_may_read_and_another_may_not():
    async with running(web=WebSettings(allowed_origins=(FRIEND,))) as site:
        for path, status in ((f"{API}/me", 401), (f"{API}/nothing", 404), (f"{API}/openapi.json", 200)):
            answer = await site.client().get(path, headers={"origin": FRIEND})
            assert answer.status_code == status
            assert answer.headers["access-control-allow-origin"] in (FRIEND, "*")
        for origin in ("https://evil.example.com", "null", f"{FRIEND}.evil.example", "http://friend.example.com"):
            answer = await site.client().get(f"{API}/me", headers={"origin": origin})
            assert "access-control-allow-origin" not in answer.headers
            assert answer.headers["vary"] == "Origin"


async def test_a_preflight_is_answered_for_an_allowed_origin_alone():
    async with running(web=WebSettings(allowed_origins=(FRIEND,))) as site:
        asked = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
        answer = await site.client().options(f"{API}/login", headers={"origin": FRIEND, **asked})
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == FRIEND
        assert answer.headers["access-control-allow-credentials"] == "true"
        answer = await site.client().options(f"{API}/login", headers={"origin": "https://evil.example.com", **asked})
        assert (answer.status_code, "access-control-allow-origin" in answer.headers) == (204, False)


async def test_without_a_lifespan_the_first_request_starts_what_is_needed():
    async with running() as site:
        await site.auth.stop()
        answer = await site.client().post(f"{API}/login", json={"email": "ann@example.com", "password": "x"})
        assert code_of(answer) == "login.refused"


async def test_a_host_application_may_take_the_routes_alone():
    async with running() as site:
        app = Starlette(routes=[*routes(site.auth)])
        site.app = app
        assert (await site.client().get(f"{API}/me")).status_code == 401
