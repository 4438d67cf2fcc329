"""Every code block of docs/embedding.md does what the page says."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route
from starlette.websockets import WebSocketDisconnect

from coatcheck import Auth, Settings
from coatcheck.fastapi import install
from coatcheck.model.session import Carry
from coatcheck.testing import ManualClock, fast_passwords, log_in, login_as
from coatcheck.web import api
from tests.browser import browsing
from tests.server import serving
from tests.site import PASSWORD
from tests.surface.documents import blocks

FASTAPI, STARLETTE, ASGI, LIVE, DATA, MOBILE, TESTING = range(7)


def run(number: int, **names: Any) -> dict[str, Any]:
    """The names that a block of the page leaves behind."""
    exec(blocks("docs/embedding.md", "python")[number], names)  # noqa: S102 - that is what is tested
    return names


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_each_block_is_here():
    assert len(blocks("docs/embedding.md", "python")) == TESTING + 1
    assert len(blocks("docs/embedding.md", "js")) == 1


def test_the_fastapi_application_knows_strangers_editors_and_ends_logins():
    made = run(FASTAPI)
    auth: Auth = made["auth"]
    with TestClient(made["app"]) as client:
        assert client.get("/").json() == {"hello": "stranger"}
        assert client.post("/articles").json()["code"] == "token.missing"
        ann = log_in(client, auth, "ann@example.com", roles=["editor"])
        assert client.get("/").json() == {"hello": ann.user.id}
        assert client.post("/articles").json() == {"by": ann.user.id}
        assert client.post(f"/staff/{ann.user.id}/leave").json()["code"] == "access.denied"
        assert client.get("/auth/account").status_code == 200
        log_in(client, auth, "boss@example.com", roles=["admin"])
        assert client.post(f"/staff/{ann.user.id}/leave").json() == {"confirmed": 1}
        assert client.post("/articles", headers=ann.headers).json()["code"] == "session.ended"


def test_a_browser_that_has_to_log_in_is_sent_there_and_comes_back():
    with TestClient(run(STARLETTE)["app"], follow_redirects=False) as client:
        answer = client.get("/me", headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/auth/login?return_to=/me")


def test_the_starlette_application_says_who_is_there():
    made = run(STARLETTE)
    with TestClient(made["app"]) as client:
        ann = log_in(client, made["auth"], "ann@example.com", roles=["editor"])
        assert client.get("/me").json() == {"user": ann.user.id, "roles": ["editor"]}
        assert client.get("/auth/api/me").status_code == 200
        assert client.get("/auth/account").status_code == 200


def test_an_application_without_a_framework_does_the_same():
    made = run(ASGI)
    with TestClient(made["app"]) as client:
        assert client.get("/anything").json()["code"] == "token.missing"
        ann = log_in(client, made["auth"], "ann@example.com")
        assert client.get("/anything").text == ann.user.id
        assert client.get("/auth/api/me").json()["user"]["id"] == ann.user.id
        assert client.get("/.well-known/jwks.json").json()["keys"]


@pytest.mark.anyio
async def test_without_a_lifespan_the_first_request_starts_it():
    made = run(ASGI)
    transport = httpx2.ASGITransport(made["app"])
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
        assert (await client.get("/auth/readyz")).status_code == 200
    await made["auth"].stop()


@pytest.fixture
def live() -> Iterator[tuple[TestClient, Auth, "asyncio.Queue[int]"]]:
    """The page's WebSocket and event stream, and the prices that they tell."""
    auth, app, prices = Auth(Settings(database="memory:")), FastAPI(), asyncio.Queue[int]()

    async def new_prices():
        while True:
            yield await prices.get()

    install(app, auth)
    run(LIVE, app=app, new_prices=new_prices)
    with TestClient(app) as client:
        yield client, auth, prices


def test_a_websocket_is_closed_when_its_login_has_ended(live):
    client, auth, prices = live
    ann = log_in(client, auth)
    with client.websocket_connect("/prices") as socket:
        client.portal.call(prices.put, 7)
        assert socket.receive_json() == 7
        client.portal.call(auth.logout_everywhere, ann.user.id)
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
        client.portal.call(prices.put, 8)  # wakes the route, which finds its client gone
    assert (closed.value.code, closed.value.reason) == (1008, "session.ended")


def test_an_event_stream_ends_when_its_login_has_ended(live):
    client, auth, prices = live
    ann = log_in(client, auth)

    async def end_after_the_first() -> None:
        await prices.put(7)
        while len(auth.live) == 0 or not prices.empty():  # noqa: ASYNC110 - nobody else wants to be told
            await asyncio.sleep(0.001)
        await auth.logout_everywhere(ann.user.id)

    ending = client.portal.start_task_soon(end_after_the_first)
    assert client.get("/news").text == "data: 7\n\n"  # returns: the stream has an end
    ending.result(10)
    assert client.get("/news").json()["code"] == "session.ended"


@pytest.mark.anyio
async def test_data_beside_a_login_survives_a_race():
    add_to_basket = run(DATA)["add_to_basket"]
    async with Auth(Settings(database="memory:", passwords=fast_passwords())) as auth:
        login = await login_as(auth, carry=Carry.HEADER)
        who = await auth.check(login.headers["authorization"].removeprefix("Bearer "))
        await asyncio.gather(*(add_to_basket(auth, who, str(number)) for number in range(20)))
        data, version = await auth.session_data.get(who.session_id)
        assert sorted(data["basket"], key=int) == [str(number) for number in range(20)]
        assert version == 20


def test_a_websocket_of_another_site_does_not_open():
    auth, app = Auth(Settings(database="memory:")), FastAPI()
    install(app, auth)
    run(LIVE, app=app, new_prices=None)
    with TestClient(app) as client:
        log_in(client, auth)
        with (
            pytest.raises(WebSocketDisconnect),
            client.websocket_connect("/prices", headers={"origin": "https://elsewhere.example"}),
        ):
            pass


def test_the_native_client_refreshes_when_it_must_and_logs_out():
    with serving(clock=(clock := ManualClock())) as server, httpx2.Client(base_url=server.url) as http:
        server.run(server.auth.create_user("ann@example.com", PASSWORD))
        kept: dict[str, str] = {}
        login = run(MOBILE)["Login"](http, kept)
        login.log_in("ann@example.com", PASSWORD)
        first, device = kept["refresh_token"], kept["device_token"]
        assert login.call("GET", "/auth/api/me").status_code == 200
        clock.advance(server.auth.settings.tokens.access_for * 2)
        assert login.call("GET", "/auth/api/me").status_code == 200
        assert kept["refresh_token"] != first
        assert kept["device_token"] == device
        access_token = login.access_token
        login.log_out()
        refused = http.get("/auth/api/me", headers={"authorization": f"Bearer {access_token}"})
        assert refused.json()["code"] == "session.ended"
        assert set(kept) == {"device_token"}


def test_the_example_of_a_test_passes():
    made = run(TESTING)
    made["test_an_editor_publishes_until_the_proof_is_old"]()


@pytest.mark.anyio
async def test_login_as_answers_the_headers_to_send():
    async with Auth(Settings(database="memory:", passwords=fast_passwords())) as auth:
        login = await login_as(auth, "ann@example.com", carry=Carry.TOKENS)
        principal = await auth.check(login.headers["authorization"].removeprefix("Bearer "))
    assert principal.user_id == login.user.id


@pytest.mark.slow
def test_a_single_page_app_renews_silently_in_several_tabs():
    async def shell(_):
        return HTMLResponse("<!doctype html><title>An app</title>")

    def make(auth: Auth) -> Starlette:
        return Starlette(routes=[Route("/", shell), *api.routes(auth)])

    code = blocks("docs/embedding.md", "js")[0]
    load = """async (code) => {
        const module = new Blob([code], {type: "text/javascript"});
        window.app = await import(URL.createObjectURL(module));
    }"""
    me = "async () => { const a = await app.call('/auth/api/me'); return [a.status, (await a.json()).code]; }"
    with serving(clock=(clock := ManualClock()), make=make) as server, browsing() as browser:
        server.run(server.auth.start())
        server.run(server.auth.create_user("ann@example.com", PASSWORD))
        here = server.auth.settings.url
        # A blob has no base address of its own.
        code = code.replace('const AUTH = "/auth/api"', f'const AUTH = "{here}/auth/api"')
        me = me.replace("/auth/api/me", f"{here}/auth/api/me")
        context = browser.new_context()
        tabs = [context.new_page() for _ in range(3)]
        for tab in tabs:
            tab.goto(here)
            tab.evaluate(load, code)
        tabs[0].evaluate("async (password) => { await app.logIn('ann@example.com', password); }", PASSWORD)
        for tab in tabs:
            assert tab.evaluate(me) == [200, None]
        clock.advance(server.auth.settings.tokens.access_for * 2)
        all_at_once = f"Promise.all(Array.from({{length: 5}}, {me}))"
        for tab in tabs:
            tab.evaluate(f"() => {{ window.answers = {all_at_once}; }}")
        for tab in tabs:
            assert tab.evaluate("() => answers") == [[200, None]] * 5
        assert tabs[0].evaluate("() => document.cookie") == ""
        tabs[0].evaluate("() => app.logOut()")
        assert tabs[1].evaluate(me) == [401, "session.ended"]
        refused = "app.call('/').then(() => 'let in', (error) => [error.status, error.code])"
        assert tabs[0].evaluate(f"() => {refused}") == [400, "token.missing"]
        context.close()
