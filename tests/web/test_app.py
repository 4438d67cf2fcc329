"""The whole application."""

import pytest
from starlette.routing import Route

from coatcheck.web.app import build
from tests.site import code_of, running

pytestmark = pytest.mark.anyio

HTML = {"accept": "text/html,application/xhtml+xml"}


async def test_api_pages_and_style_sheet_are_served_together():
    async with running() as site:
        site.app = build(site.auth)
        browser = site.browser()
        assert (await browser.get("/auth/healthz")).status_code == 200
        page = await browser.get("/auth/login", headers=HTML)
        assert (page.status_code, "<form" in page.text) == (200, True)
        sheet = await browser.get("/auth/static/coatcheck.css")
        assert sheet.headers["content-type"].startswith("text/css")


async def test_an_address_without_anything_is_a_page_for_browsers_and_a_problem_for_programs():
    async with running() as site:
        site.app = build(site.auth)
        page = await site.client().get("/nothing", headers=HTML)
        problem = await site.client().get("/nothing")
        assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert (problem.status_code, code_of(problem)) == (404, "request.not_found")
        for answer in (page, problem):
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
async def test_what_nobody_foresaw_is_answered_without_a_word_of_what_it_was(accept: str):
    def broken(_: object) -> None:
        raise RuntimeError("the canary sang")

    async with running() as site:
        site.app = build(site.auth)
        site.app.router.routes.append(Route("/broken", broken))
        client = site.client()
        client._transport.raise_app_exceptions = False
        answer = await client.get("/broken", headers={"accept": accept})
        assert answer.status_code == 500
        assert "canary" not in answer.text
        assert "Traceback" not in answer.text
        assert answer.headers["content-security-policy"]


async def test_the_lifespan_starts_and_stops_auth():
    async with running() as site:
        await site.auth.stop()
        app = build(site.auth)
        async with app.router.lifespan_context(app):
            assert site.auth.is_started
        assert not site.auth.is_started
