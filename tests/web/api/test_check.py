"""The gateway's check: who passes, what the upstream is told, what it costs."""

import asyncio
from datetime import timedelta

import httpx2
import pytest

from coatcheck.model.session import Carry
from coatcheck.settings import RevocationSettings, TokenSettings, WebSettings
from coatcheck.stores.memory import MemoryStore
from coatcheck.testing import login_as
from coatcheck.tokens.jwt import verify
from coatcheck.web.api.check import IDENTITY
from coatcheck.web.upstream import UpstreamTokens
from tests.away import MayGoAway
from tests.site import API, URL, Site, bearer, code_of, running

pytestmark = pytest.mark.anyio

GATEWAY = "10.0.0.1"
TOKENS = TokenSettings(audiences=("orders",))
WEB = WebSettings(trusted_proxies=("10.0.0.0/8",))
NAVIGATION = {"x-forwarded-method": "GET", "sec-fetch-site": "none"}


def site_with(store: MemoryStore | None = None, **settings):
    return running(store, **{"tokens": TOKENS, "web": WEB, **settings})


async def with_cookie(site: Site, **more: str) -> str:
    """Register in a browser, and return its cookies as a gateway passes them on."""
    browser = site.browser()
    await site.register(browser, **more)
    return "; ".join(f"{each.name}={each.value}" for each in browser.cookies.jar)


def claims_of(site: Site, answer: httpx2.Response):
    scheme, token = answer.headers["authorization"].split(" ")
    assert scheme == "Bearer"
    return verify(token.encode(), site.auth.checker._keys.get).claims


async def test_a_browsers_request_passes_with_a_token_for_the_upstream():
    async with site_with() as site:
        gateway = site.client(GATEWAY, cookie=await with_cookie(site))
        answer = await gateway.get(f"{API}/check", headers=NAVIGATION)
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers["cache-control"] == "no-store"
        claims = claims_of(site, answer)
        user = (await site.auth.find_users())[0]
        assert (claims.sub, claims.aud, claims.iss) == (user.id, "orders", site.auth.settings.issuer)
        assert claims.exp - claims.iat == 60
        assert [answer.headers[name] for name in IDENTITY] == [""] * len(IDENTITY)


async def test_a_bearer_needs_no_trusted_proxy_and_no_forwarded_method():
    async with site_with() as site:
        body = await site.register(site.client(), carry="tokens")
        stranger_gateway = site.client("198.51.100.1")
        answer = await stranger_gateway.get(f"{API}/check", headers=bearer(body["access_token"]))
        assert (answer.status_code, claims_of(site, answer).sid) == (204, body["session"]["id"])


async def test_with_headers_each_is_there_and_the_token_is_empty():
    async with site_with() as site:
        client = site.client()
        body = await site.register(client, carry="header")
        await site.auth.set_roles(body["user"]["id"], ("editor", "author"))
        headers = bearer(body["session_token"])
        answer = await client.get(f"{API}/check?identity=headers", headers=headers)
        assert answer.status_code == 204
        assert {name: answer.headers[name] for name in ("authorization", *IDENTITY)} == {
            "authorization": "",
            "x-auth-kind": "user",
            "x-auth-user": body["user"]["id"],
            "x-auth-client": "",
            "x-auth-session": body["session"]["id"],
            "x-auth-roles": "author editor",
            "x-auth-scopes": "",
            "x-auth-authenticated-at": body["session"]["authenticated_at"],
        }


async def test_strangers_get_401_with_what_the_gateway_passes_on():
    async with site_with() as site:
        answer = await site.client(GATEWAY).get(f"{API}/check", headers=NAVIGATION)
        assert (answer.status_code, code_of(answer)) == (401, "token.missing")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "authorization" not in answer.headers


async def test_a_role_or_scope_that_is_lacking_is_403():
    async with site_with() as site:
        client = site.client()
        body = await site.register(client, carry="header")
        headers = bearer(body["session_token"])
        for query in ("role=editor", "scope=orders:write", "role=editor&identity=headers"):
            answer = await client.get(f"{API}/check?{query}", headers=headers)
            assert (answer.status_code, code_of(answer)) == (403, "access.denied")
        await site.auth.set_roles(body["user"]["id"], ("editor",))
        assert (await client.get(f"{API}/check?role=editor", headers=headers)).status_code == 204


@pytest.mark.parametrize(
    ("audiences", "query", "status"),
    [
        (("orders",), "", 204),
        (("orders", "billing"), "?audience=billing", 204),
        (("orders", "billing"), "", 422),
        ((), "", 422),
        (("orders",), "?audience=stock", 422),
        (("orders",), f"?audience={URL}/auth", 422),
        ((f"{URL}/auth",), "", 422),
        ((), "?identity=headers", 204),
        (("orders",), "?identity=names", 422),
    ],
)
async def test_the_upstream_is_named_unless_there_is_only_one(audiences: tuple[str, ...], query: str, status: int):
    async with site_with(tokens=TokenSettings(audiences=audiences)) as site:
        client = site.client()
        body = await site.register(client, carry="header")
        answer = await client.get(f"{API}/check{query}", headers=bearer(body["session_token"]))
        assert answer.status_code == status


async def test_an_api_key_passes_with_its_scopes_and_none_of_its_owners_roles():
    async with site_with(tokens=TokenSettings(audiences=("orders",), api_key_scopes=("orders:read",))) as site:
        owner = await site.auth.create_user("ann@example.com", roles=("editor",))
        made = await site.auth.api_keys.create(owner.id, "a script", scopes=("orders:read",))
        client = site.client(**bearer(made.secret))
        claims = claims_of(site, await client.get(f"{API}/check?scope=orders:read"))
        assert (claims.sub, claims.scope, claims.roles, claims.aud) == (owner.id, "orders:read", (), "orders")
        told = (await client.get(f"{API}/check?identity=headers")).headers
        assert (told["x-auth-kind"], told["x-auth-user"], told["x-auth-roles"]) == ("api_key", owner.id, "")
        assert (await client.get(f"{API}/check?role=editor")).status_code == 403
        await site.auth.api_keys.revoke(made.credential.id)
        assert (await client.get(f"{API}/check")).status_code == 401


async def test_a_service_passes_by_name_only_since_it_gets_tokens_for_upstreams_itself():
    async with site_with() as site:
        made = await site.auth.services.create(
            "billing", audiences=(site.auth.settings.issuer,), scopes=("orders:read",)
        )
        who = await site.auth.services.authenticate(client_id=made.service.id, secret=made.first.secret)
        client = site.client(**bearer((await site.auth.services.issue(who)).access_token))
        answer = await client.get(f"{API}/check")
        assert (answer.status_code, code_of(answer)) == (401, "token.wrong_kind")
        told = (await client.get(f"{API}/check?identity=headers&scope=orders:read")).headers
        expected = {"kind": "service", "user": "", "client": made.service.id, "scopes": "orders:read"}
        assert {name: told[f"x-auth-{name}"] for name in expected} == expected


async def test_after_the_first_token_a_check_asks_the_store_nothing():
    store = MayGoAway()
    async with site_with(store) as site:
        gateway = site.client(GATEWAY, cookie=await with_cookie(site))
        first = await gateway.get(f"{API}/check", headers=NAVIGATION)
        asked = store.asked
        store.is_away = True
        for _ in range(3):
            again = await gateway.get(f"{API}/check", headers=NAVIGATION)
            assert again.headers["authorization"] == first.headers["authorization"]
            told = await gateway.get(f"{API}/check?identity=headers", headers=NAVIGATION)
            assert told.status_code == 204
        assert store.asked == asked


async def test_requests_that_come_at_once_share_one_token():
    store = MayGoAway()
    async with site_with(store) as site:
        gateway = site.client(GATEWAY, cookie=await with_cookie(site))
        await gateway.get(f"{API}/check?identity=headers", headers=NAVIGATION)
        asked = store.asked
        answers = await asyncio.gather(*(gateway.get(f"{API}/check", headers=NAVIGATION) for _ in range(8)))
        assert len({answer.headers["authorization"] for answer in answers}) == 1
        assert store.asked == asked + 1


async def test_a_token_is_handed_out_again_for_half_of_its_life():
    async with site_with() as site:
        gateway = site.client(GATEWAY, cookie=await with_cookie(site))
        seen = []
        for passes in (0, 29, 1, 29):
            site.clock.advance(timedelta(seconds=passes))
            seen.append((await gateway.get(f"{API}/check", headers=NAVIGATION)).headers["authorization"])
        assert seen[0] == seen[1] != seen[2] == seen[3]


async def test_a_token_does_not_outlive_the_access_token_it_was_made_from():
    async with site_with() as site:
        client = site.client()
        body = await site.register(client, carry="tokens")
        held = verify(body["access_token"].encode(), site.auth.checker._keys.get).claims
        site.clock.advance(timedelta(minutes=9, seconds=50))
        answer = await client.get(f"{API}/check", headers=bearer(body["access_token"]))
        assert claims_of(site, answer).exp == held.exp
        site.clock.advance(timedelta(seconds=15))  # still within the leeway
        assert (await client.get(f"{API}/me", headers=bearer(body["access_token"]))).status_code == 200
        answer = await client.get(f"{API}/check", headers=bearer(body["access_token"]))
        assert (answer.status_code, code_of(answer)) == (401, "token.expired")


async def test_without_store_and_token_the_answer_is_503_and_never_204():
    store = MayGoAway()
    async with site_with(store) as site:
        gateway = site.client(GATEWAY, cookie=await with_cookie(site))
        assert (await gateway.get(f"{API}/check?identity=headers", headers=NAVIGATION)).status_code == 204
        store.is_away = True
        answer = await gateway.get(f"{API}/check", headers=NAVIGATION)
        assert (answer.status_code, code_of(answer)) == (503, "store.unavailable")


async def test_no_cookie_is_renewed_since_the_answer_does_not_reach_the_browser():
    async with site_with() as site:
        gateway = site.client(GATEWAY, cookie=await with_cookie(site))
        site.clock.advance(timedelta(minutes=90))
        answer = await gateway.get(f"{API}/check", headers=NAVIGATION)
        assert (answer.status_code, "set-cookie" in answer.headers) == (204, False)
        assert "set-cookie" in (await gateway.get(f"{API}/me")).headers


async def test_tokens_that_are_over_are_forgotten():
    async with site_with() as site:
        upstream = UpstreamTokens(site.auth)
        for number in range(8):
            login = await login_as(site.auth, f"user{number}@example.com", carry=Carry.HEADER)
            held = await site.auth.recall(login.headers["authorization"].removeprefix("Bearer ").encode())
            await upstream.issue(held, "orders")
            site.clock.advance(timedelta(seconds=10))
            assert len(upstream) <= 4


async def test_no_more_tokens_are_kept_than_records():
    async with site_with(revocation=RevocationSettings(cache_records=100)) as site:
        upstream = UpstreamTokens(site.auth)
        body = await site.register(site.client(), carry="header")
        held = await site.auth.recall(body["session_token"].encode())
        for number in range(130):
            issued = await upstream.issue(held, "orders")
            assert await upstream.kept(held, "orders") == issued
            assert len(upstream) <= 100
            login = await login_as(site.auth, f"user{number}@example.com", carry=Carry.HEADER)
            held = await site.auth.recall(login.headers["authorization"].removeprefix("Bearer ").encode())
