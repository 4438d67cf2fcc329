"""Script in the victim's page wants the credential, or wants to run at all (CS-11, CS-18, ID-13, CK-01)."""

import pytest
from playwright.sync_api import expect
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from coatcheck.asgi import AuthMiddleware
from coatcheck.web import api, pages
from tests.browser import PASSWORD, log_in, register
from tests.server import serving

pytestmark = pytest.mark.xdist_group("browser")

SCRIPTS = [
    "<script>window.pwned = 1</script>",
    "<img src=x onerror='window.pwned = 1'>",
    "<svg onload='window.pwned = 1'>",
    "</title><script>window.pwned = 1</script>",
    "{{ 7 * 7 }}<b>",
]


@pytest.mark.parametrize("script", SCRIPTS)
def test_markup_in_a_name_is_shown_and_not_obeyed(page, script):
    with serving() as server:
        url = server.auth.settings.url
        server.run(server.auth.create_user("ann@example.com", PASSWORD, name=script))
        log_in(page, f"{url}/auth/login")
        expect(page.get_by_role("heading", level=1)).to_have_text(f"Hello, {script}")
        assert page.evaluate("window.pwned") is None


@pytest.mark.parametrize("script", SCRIPTS)
def test_markup_in_the_address_is_not_obeyed(page, script):
    with serving() as server:
        url = server.auth.settings.url
        for path in (f"/auth/login?return_to={script}", f"/auth/{script}", f"/auth/admin/users/{script}"):
            page.goto(url + path)
            assert page.evaluate("window.pwned") is None


def test_script_that_got_into_a_page_all_the_same_does_not_run(page):
    with serving() as server:
        register(page, server.auth.settings.url)
        broken = []
        page.on("console", lambda message: broken.append(message.text))
        page.evaluate(
            """() => {
                const inline = document.createElement("script")
                inline.textContent = "window.pwned = 1"
                document.head.append(inline)
                const foreign = document.createElement("script")
                foreign.src = "data:text/javascript,window.pwned = 2"
                document.head.append(foreign)
                document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='window.pwned = 3'>")
                document.body.insertAdjacentHTML("beforeend", "<a id=link href='javascript:window.pwned = 4'>x</a>")
                document.getElementById("link").click()
            }"""
        )
        page.wait_for_timeout(200)
        assert page.evaluate("window.pwned") is None
        assert any("Content Security Policy" in line for line in broken)


def test_script_reads_no_cookie_on_our_pages_nor_on_the_applications(page):
    async def dashboard(request):
        return HTMLResponse("<!doctype html><p id=seen></p><script>seen.textContent = document.cookie</script>")

    def host(auth):
        return AuthMiddleware(
            Starlette(routes=[Route("/dashboard", dashboard), *api.routes(auth), *pages.routes(auth)]), auth
        )

    with serving(make=host) as server:
        url = server.auth.settings.url
        register(page, url)
        assert page.evaluate("document.cookie") == ""
        page.goto(f"{url}/dashboard")
        assert page.locator("#seen").inner_text() == ""
        cookies = page.context.cookies(url)
        assert any(cookie["value"].startswith("ccs_") for cookie in cookies)
        assert all(cookie["httpOnly"] and cookie["sameSite"] == "Lax" for cookie in cookies)
