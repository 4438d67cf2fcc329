"""Our pages in another site's frame, under its buttons (CS-10). Every page must refuse to be framed."""

import pytest
from playwright.sync_api import expect
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from tests.browser import register
from tests.server import serving

pytestmark = pytest.mark.xdist_group("browser")


@pytest.mark.parametrize("path", ["/auth/account", "/auth/login", "/auth/register", "/auth/api/me"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_no_page_shows_in_a_frame(page, path, host):
    with serving() as server:
        url = server.auth.settings.url
        register(page, url)

        async def framing(request):
            return HTMLResponse(f"<!doctype html><iframe src='{url}{path}'></iframe>")

        with serving(make=lambda auth: Starlette(routes=[Route("/", framing)])) as other:
            refused = "frame-ancestors 'none'"
            with page.expect_console_message(lambda message: refused in message.text):
                page.goto(f"http://{host}:{other.url.rpartition(':')[2]}/")
            expect(page.frame_locator("iframe").get_by_text("Coatcheck")).to_have_count(0)
