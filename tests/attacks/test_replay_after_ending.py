"""A credential is kept and sent again after its session ended, however it ended.

SE-08, CK-14 (OWASP ASVS 7.4.1-7.4.3): every carrier, every ending, with the very next request.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest

from tests.site import API, PASSWORD, Site, bearer, code_of, running

pytestmark = pytest.mark.anyio

Ending = Callable[[Site, httpx2.AsyncClient, dict[str, Any], dict[str, str]], Awaitable[object]]


async def _log_out(_: Site, client: httpx2.AsyncClient, body: dict[str, Any], headers: dict[str, str]) -> object:
    return await client.post(f"{API}/logout", headers=headers)


async def _log_out_everywhere(
    _: Site, client: httpx2.AsyncClient, body: dict[str, Any], headers: dict[str, str]
) -> object:
    return await client.post(f"{API}/logout", json={"scope": "all"}, headers=headers)


async def _end_own(_: Site, client: httpx2.AsyncClient, body: dict[str, Any], headers: dict[str, str]) -> object:
    return await client.delete(f"{API}/sessions/{body['session']['id']}", headers=headers)


async def _password_elsewhere(site: Site, _: httpx2.AsyncClient, body: dict[str, Any], __: dict[str, str]) -> object:
    browser = site.browser()
    await site.log_in(browser)
    return await browser.post(f"{API}/password", json={"current": PASSWORD, "new": "two odd tall elms"})


async def _suspend(site: Site, _: httpx2.AsyncClient, body: dict[str, Any], __: dict[str, str]) -> object:
    return await site.auth.suspend(body["user"]["id"])


async def _delete(site: Site, _: httpx2.AsyncClient, body: dict[str, Any], __: dict[str, str]) -> object:
    return await site.auth.delete_user(body["user"]["id"])


async def _compromised(site: Site, _: httpx2.AsyncClient, body: dict[str, Any], __: dict[str, str]) -> object:
    return await site.auth.mark_compromised(body["user"]["id"], reason="a test")


async def _set_password(site: Site, _: httpx2.AsyncClient, body: dict[str, Any], __: dict[str, str]) -> object:
    return await site.auth.set_password(body["user"]["id"], "two odd tall elms")


async def _everything(site: Site, _: httpx2.AsyncClient, body: dict[str, Any], __: dict[str, str]) -> object:
    return await site.auth.end_everything(reason="a test")


@pytest.mark.parametrize("carry", ["cookie", "header", "tokens", "page", "jwt-cookie"])
@pytest.mark.parametrize(
    "end",
    [
        _log_out,
        _log_out_everywhere,
        _end_own,
        _password_elsewhere,
        _suspend,
        _delete,
        _compromised,
        _set_password,
        _everything,
    ],
)
async def test_what_was_ended_is_refused_at_once_and_refreshes_nothing(carry: str, end: Ending):
    async with running() as site:
        browser = site.browser()
        body = await site.register(browser, carry=carry)
        token = body.get("session_token") or body.get("access_token")
        headers = bearer(token) if token else {}
        cookies = "; ".join(f"{each.name}={each.value}" for each in browser.cookies.jar)
        thief = site.client(cookie=cookies, origin="https://app.example.com")
        assert (await thief.get(f"{API}/me", headers=headers)).status_code == 200
        await end(site, browser, body, headers)
        refused = await thief.get(f"{API}/me", headers=headers)
        assert code_of(refused) in ("session.ended", "token.revoked")
        assert refused.headers["www-authenticate"].startswith("Bearer")
        form = {"grant_type": "refresh_token"}
        if "refresh_token" in body:
            form["refresh_token"] = body["refresh_token"]
        if carry in ("tokens", "page", "jwt-cookie"):
            assert code_of(await thief.post(f"{API}/token", data=form)) == "session.ended"
        exchange = {"grant_type": "urn:coatcheck:session"}
        assert (await thief.post(f"{API}/token", data=exchange, headers=headers)).status_code == 400


async def test_a_role_that_was_taken_away_opens_nothing_any_more():
    async with running() as site:
        root = await site.administrator()
        phone = site.client()
        token = (await site.log_in(phone, "root@example.com", carry="tokens"))["access_token"]
        await site.auth.create_user("second@example.com", PASSWORD, roles=("coatcheck:admin",))
        me = (await root.get(f"{API}/me")).json()["user"]
        await site.auth.set_roles(me["id"], ())
        assert code_of(await root.get(f"{API}/admin/users")) == "access.denied"
        assert code_of(await phone.get(f"{API}/admin/users", headers=bearer(token))) == "token.outdated"
