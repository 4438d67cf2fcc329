"""The contract's table of errors, row by row: each is reached over HTTP, with its status, its code and its body."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from threading import Event

import httpx2
import pytest

from coatcheck.settings import AttemptSettings, RevocationSettings, SessionSettings, TokenSettings
from coatcheck.testing import fast_passwords
from tests.away import MayGoAway
from tests.site import API, PASSWORD, Site, bearer, running

pytestmark = pytest.mark.anyio

Reach = Callable[[Site], Awaitable[httpx2.Response]]


async def _tokens(site: Site) -> dict[str, str]:
    body = await site.register(site.client(), carry="tokens")
    return body | {"user_id": body["user"]["id"], "session_id": body["session"]["id"]}


async def _me(site: Site, token: str) -> httpx2.Response:
    return await site.client().get(f"{API}/me", headers=bearer(token))


async def _log_in(site: Site, password: str = PASSWORD) -> httpx2.Response:
    return await site.client().post(f"{API}/login", json={"email": "ann@example.com", "password": password})


async def malformed(site: Site) -> httpx2.Response:
    return await site.client().post(f"{API}/login", content=b"{", headers={"content-type": "application/json"})


async def login_refused(site: Site) -> httpx2.Response:
    return await _log_in(site)


async def token_missing(site: Site) -> httpx2.Response:
    return await site.client().get(f"{API}/me")


async def token_invalid(site: Site) -> httpx2.Response:
    return await _me(site, "eyJ.a.b")


async def token_expired(site: Site) -> httpx2.Response:
    body = await _tokens(site)
    site.clock.advance(timedelta(minutes=11))
    return await _me(site, body["access_token"])


async def token_outdated(site: Site) -> httpx2.Response:
    body = await _tokens(site)
    await site.auth.set_roles(body["user_id"], ("editor",))
    return await _me(site, body["access_token"])


async def token_revoked(site: Site) -> httpx2.Response:
    body = await _tokens(site)
    await site.auth.end_everything(reason="a test")
    return await _me(site, body["access_token"])


async def session_ended(site: Site) -> httpx2.Response:
    body = await _tokens(site)
    await site.auth.logout_everywhere(body["user_id"])
    return await _me(site, body["access_token"])


async def session_expired(site: Site) -> httpx2.Response:
    body = await site.register(site.client(), carry="header")
    site.clock.advance(timedelta(hours=13))
    return await _me(site, body["session_token"])


async def reauthenticate(site: Site) -> httpx2.Response:
    root = await site.administrator()
    site.clock.advance(timedelta(minutes=16))
    return await root.post(f"{API}/admin/keys/rotate")


async def wrong_audience(site: Site) -> httpx2.Response:
    body = await site.register(site.client(), carry="tokens", audience="orders")
    return await _me(site, body["access_token"])


async def wrong_kind(site: Site) -> httpx2.Response:
    return await _me(site, (await _tokens(site))["refresh_token"])


async def access_denied(site: Site) -> httpx2.Response:
    return await site.client().get(f"{API}/admin/users", headers=bearer((await _tokens(site))["access_token"]))


async def origin_refused(site: Site) -> httpx2.Response:
    browser = site.browser()
    await site.register(browser)
    return await browser.patch(f"{API}/me", json={}, headers={"origin": "null", "sec-fetch-site": "cross-site"})


async def user_suspended(site: Site) -> httpx2.Response:
    await site.auth.suspend((await _tokens(site))["user_id"])
    return await _log_in(site)


async def not_found(site: Site) -> httpx2.Response:
    return await site.client().get(f"{API}/nothing")


async def method_refused(site: Site) -> httpx2.Response:
    return await site.client().delete(f"{API}/me")


async def too_large(site: Site) -> httpx2.Response:
    return await site.client().post(f"{API}/login", content=b" " * 65_537, headers={"content-type": "application/json"})


async def media_type(site: Site) -> httpx2.Response:
    return await site.client().post(f"{API}/login", data={"email": "ann@example.com"})


async def email_taken(site: Site) -> httpx2.Response:
    await _tokens(site)
    return await site.client().post(f"{API}/register", json={"email": "ann@example.com", "password": PASSWORD})


async def session_limit(site: Site) -> httpx2.Response:
    await _tokens(site)
    return await _log_in(site)


async def data_conflict(site: Site) -> httpx2.Response:
    root = await site.administrator()
    own = (await root.get(f"{API}/me")).json()["user"]["id"]
    return await root.delete(f"{API}/admin/users/{own}")


async def request_invalid(site: Site) -> httpx2.Response:
    return await site.client().post(f"{API}/login", json={"email": "ann@example.com", "unknown": 1})


async def password_weak(site: Site) -> httpx2.Response:
    return await site.client().post(f"{API}/register", json={"email": "ann@example.com", "password": "password"})


async def attempts_exceeded(site: Site) -> httpx2.Response:
    await _log_in(site)
    return await _log_in(site)


async def checking_stale(site: Site) -> httpx2.Response:
    body = await _tokens(site)
    site.auth.store.is_away = True
    site.clock.advance(timedelta(minutes=1))
    return await _me(site, body["access_token"])


async def store_unavailable(site: Site) -> httpx2.Response:
    site.auth.store.is_away = True
    return await _log_in(site)


async def login_busy(site: Site) -> httpx2.Response:
    """One is being hashed, one waits, and there is no room for a third."""
    may_go_on, hasher = Event(), site.auth._ready.hasher
    verify = hasher.verify
    hasher.verify = lambda *arguments: may_go_on.wait(10) and verify(*arguments)
    wrong = {"email": "ann@example.com", "password": "something else"}
    logins = [
        asyncio.create_task(site.client(f"198.51.100.{number}").post(f"{API}/login", json=wrong)) for number in range(5)
    ]
    first, _ = await asyncio.wait(logins, return_when=asyncio.FIRST_COMPLETED)
    may_go_on.set()
    await asyncio.wait(logins)
    return first.pop().result()


async def draining(site: Site) -> httpx2.Response:
    site.auth.is_draining = True
    return await site.client().get("/auth/readyz")


TABLE: list[tuple[int, str, Reach, dict[str, object]]] = [
    (400, "request.malformed", malformed, {}),
    (401, "login.refused", login_refused, {}),
    (401, "token.missing", token_missing, {}),
    (401, "token.invalid", token_invalid, {}),
    (401, "token.expired", token_expired, {}),
    (401, "token.outdated", token_outdated, {}),
    (401, "token.revoked", token_revoked, {}),
    (401, "session.ended", session_ended, {}),
    (401, "session.expired", session_expired, {}),
    (401, "access.reauthenticate", reauthenticate, {}),
    (401, "token.wrong_audience", wrong_audience, {"tokens": TokenSettings(audiences=("orders",))}),
    (401, "token.wrong_kind", wrong_kind, {}),
    (403, "access.denied", access_denied, {}),
    (403, "origin.refused", origin_refused, {}),
    (403, "user.suspended", user_suspended, {}),
    (404, "request.not_found", not_found, {}),
    (405, "request.method", method_refused, {}),
    (413, "request.too_large", too_large, {}),
    (415, "request.media_type", media_type, {}),
    (409, "email.taken", email_taken, {}),
    (409, "session.limit", session_limit, {"sessions": SessionSettings(at_most=1, at_limit="refuse")}),
    (409, "data.conflict", data_conflict, {}),
    (422, "request.invalid", request_invalid, {}),
    (422, "password.weak", password_weak, {}),
    (429, "attempts.exceeded", attempts_exceeded, {"attempts": AttemptSettings(per_account=1)}),
    (503, "checking.stale", checking_stale, {"revocation": RevocationSettings(policy="deny")}),
    (503, "store.unavailable", store_unavailable, {}),
    (503, "login.busy", login_busy, {"passwords": fast_passwords(queue=1)}),
    (503, "server.draining", draining, {}),
]


@pytest.mark.parametrize(("status", "code", "reach", "settings"), TABLE, ids=[row[1] for row in TABLE])
async def test_every_row_of_the_table_is_answered_so(status: int, code: str, reach: Reach, settings: dict[str, object]):
    async with running(MayGoAway(), **settings) as site:
        answer = await reach(site)
        site.auth.store.is_away = False
        body = answer.json()
        assert (answer.status_code, body["status"], body["code"]) == (status, status, code)
        assert answer.headers["content-type"] == "application/problem+json"
        assert {"type", "title", "detail"} < set(body)
        assert ("www-authenticate" in answer.headers) is (status == 401)
        assert ("retry-after" in answer.headers) is (status in (429, 503))
        assert answer.headers["cache-control"] == "no-store"


async def test_a_wrong_password_an_unknown_address_and_a_forgery_say_no_more_than_their_code():
    async with running() as site:
        unknown = await _log_in(site)
        await _tokens(site)
        wrong = await _log_in(site, "something else")
        assert unknown.content == wrong.content
        forged = [await _me(site, token) for token in ("ccs_x", "ccs_" + "A" * 44, "eyJ.a.b", "rubbish")]
        assert len({answer.content for answer in forged}) == 1


@pytest.mark.parametrize("code", ["token.replayed", "token.invalid", "session.ended", "session.expired"])
async def test_a_refresh_that_fails_is_an_invalid_grant_and_never_a_401(code: str):
    async with running() as site:
        client = site.client()
        body = await site.register(client, carry="tokens")
        form = {"grant_type": "refresh_token", "refresh_token": body["refresh_token"]}
        if code == "token.replayed":
            await client.post(f"{API}/token", data=form)
            site.clock.advance(timedelta(seconds=11))
        elif code == "token.invalid":
            form["refresh_token"] = "ccr_forged"
        elif code == "session.ended":
            await client.post(f"{API}/logout", headers=bearer(body["access_token"]))
        else:
            site.clock.advance(timedelta(hours=3))
        answer = await client.post(f"{API}/token", data=form)
        assert (answer.status_code, answer.json()["error"], answer.json()["code"]) == (400, "invalid_grant", code)
        assert "www-authenticate" not in answer.headers
