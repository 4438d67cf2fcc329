"""Another site makes the victim's browser send requests, cookie included (CS-01, CS-02, CS-03, CS-08, LG-22).

Tried from another site (127.0.0.1 against localhost) and from another origin of the same site (another port of
localhost), where SameSite does not help. Nothing may change, nothing may be read, nobody may be logged in as somebody.
"""

from contextlib import contextmanager
from html import escape

import pytest
from playwright.sync_api import expect
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from tests.browser import PASSWORD, register
from tests.server import serving

pytestmark = pytest.mark.xdist_group("browser")

FORM = """<form id=f method=post action="{url}" enctype="{kind}">{fields}</form><script>f.submit()</script>"""
FIELDS = "<input name='{name}' value='{value}'>"


@contextmanager
def attacker(html: str):
    """Another server, whose page is ``html``; yields its address on another site, and on another port of the same."""

    async def page(request):
        return HTMLResponse(f"<!doctype html><title>A prize</title><body>{html}</body>")

    with serving(make=lambda auth: Starlette(routes=[Route("/", page)])) as server:
        port = server.url.rpartition(":")[2]
        yield {"another site": f"http://127.0.0.1:{port}/", "another port": f"http://localhost:{port}/"}


def form(url: str, kind: str = "application/x-www-form-urlencoded", **fields: str) -> str:
    written = "".join(FIELDS.format(name=escape(name), value=escape(value)) for name, value in fields.items())
    return FORM.format(url=url, kind=kind, fields=written)


def sessions(server) -> int:
    users = server.run(server.auth.find_users())
    return sum(len(server.run(server.auth.sessions_of(user.id))) for user in users)


@pytest.mark.parametrize("where", ["another site", "another port"])
@pytest.mark.parametrize("path", ["/auth/logout", "/auth/password", "/auth/reauthenticate"])
def test_a_foreign_form_changes_nothing(page, where, path):
    with serving() as server:
        url = server.auth.settings.url
        register(page, url)
        fields = {"current": PASSWORD, "new": "four loud geese argue", "password": PASSWORD}
        with attacker(form(url + path, **fields)) as places:
            with page.expect_response(url + path) as answered:
                page.goto(places[where])
            assert answered.value.status == 403
        expect(page.get_by_text("Stopped to protect you")).to_be_visible()
        page.goto(f"{url}/auth/account")
        expect(page.get_by_role("heading", name="Hello")).to_be_visible()
        assert sessions(server) == 1


@pytest.mark.parametrize("where", ["another site", "another port"])
def test_a_form_that_looks_like_json_changes_nothing(page, where):
    with serving() as server:
        url = server.auth.settings.url
        register(page, url)
        target = f"{url}/auth/api/logout"
        with attacker(form(target, "text/plain", **{'{"scope":"all","x":"': '"}'})) as places:
            with page.expect_response(target) as answered:
                page.goto(places[where])
            assert answered.value.status == 403
        assert sessions(server) == 1


@pytest.mark.parametrize("where", ["another site", "another port"])
def test_a_foreign_script_reads_nothing_and_changes_nothing(page, where):
    with serving() as server:
        url = server.auth.settings.url
        register(page, url)
        with attacker("") as places:
            page.goto(places[where])
            outcome = page.evaluate(
                """async (api) => {
                    const tried = []
                    for (const [path, options] of [
                        ["/me", {}],
                        ["/sessions", {}],
                        ["/logout", {method: "POST", body: '{"scope": "all"}'}],
                        ["/logout", {method: "POST", headers: {"content-type": "application/json"}, body: "{}"}],
                    ])
                        tried.push(await fetch(api + path, {credentials: "include", ...options}).then(
                            (answer) => answer.text(), (error) => error.name))
                    const blind = {credentials: "include", mode: "no-cors", method: "POST"}
                    await fetch(api + "/logout", blind).catch(() => {})
                    return tried
                }""",
                f"{url}/auth/api",
            )
        assert outcome == ["TypeError"] * 4
        assert sessions(server) == 1


@pytest.mark.parametrize("where", ["another site", "another port"])
def test_a_foreign_form_logs_nobody_in(page, where):
    with serving() as server:
        url = server.auth.settings.url
        server.run(server.auth.create_user("mallory@example.com", PASSWORD))
        target = f"{url}/auth/login"
        with attacker(form(target, email="mallory@example.com", password=PASSWORD)) as places:
            with page.expect_response(target) as answered:
                page.goto(places[where])
            assert answered.value.status == 403
        assert page.context.cookies(url) == []
