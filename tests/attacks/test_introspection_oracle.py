"""Somebody asks the introspection endpoint about tokens that are none of theirs, or guesses.

OA-21 (RFC 7662 §2.2, §4).
"""

import pytest

from coatcheck.settings import TokenSettings
from tests.machines import ISSUER, ask_token, by_basic, introspect
from tests.site import API, Site, bearer, running

pytestmark = pytest.mark.anyio

TOKENS = TokenSettings(audiences=("orders", "billing"), api_key_scopes=("orders:read",))
INACTIVE = b'{"active":false}'


async def _service(site: Site, *audiences: str):
    made = await site.auth.services.create("rs", audiences=audiences)
    return by_basic(made.service.id, made.first.secret), made


async def test_nobody_but_a_service_is_answered():
    async with running(tokens=TOKENS) as site:
        client = site.client()
        body = await site.register(client, carry="tokens")
        token, key = body["access_token"], (await _key(site, body["user"]["id"])).secret
        for headers in ({}, bearer(token), bearer(key), by_basic(body["user"]["id"], key), by_basic("x", "y")):
            answer = await introspect(site, token, headers)
            assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        cookies = site.browser()
        await site.log_in(cookies)
        answer = await cookies.post(f"{API}/introspect", data={"token": token})
        assert answer.status_code == 401, "a cookie is no service"


async def test_a_service_hears_nothing_of_tokens_for_others():
    async with running(tokens=TOKENS) as site:
        client = site.client()
        for_orders = await site.register(client, carry="tokens", audience="orders")
        for_issuer = await site.log_in(client, carry="tokens")
        session = await site.log_in(client, carry="header")
        of_orders = await site.log_in(client, carry="header", audience="orders")
        key = await _key(site, for_orders["user"]["id"])
        key_of_orders = await _key(site, for_orders["user"]["id"], audience="orders")
        orders, _ = await _service(site, "orders")
        billing, _ = await _service(site, "billing")
        here, _ = await _service(site, ISSUER)
        seen = {
            for_orders["access_token"]: {"orders"},
            for_issuer["access_token"]: {"here"},
            session["session_token"]: {"here"},
            of_orders["session_token"]: {"orders"},
            key.secret: {"here"},
            key_of_orders.secret: {"orders"},
        }
        for token, told in seen.items():
            for name, proof in (("orders", orders), ("billing", billing), ("here", here)):
                answer = await introspect(site, token, proof)
                assert answer.status_code == 200
                if name in told:
                    assert answer.json()["active"] is True
                else:
                    assert answer.content == INACTIVE


async def test_nothing_tells_why_a_token_is_inactive():
    async with running(tokens=TOKENS) as site:
        client = site.client()
        body = await site.register(client, carry="tokens")
        proof, made = await _service(site, ISSUER)
        ended = await site.log_in(client, carry="tokens")
        await site.auth.logout_named(ended["session"]["id"])
        own = (await ask_token(site, headers=proof)).json()["access_token"]
        await site.auth.services.revoke_credential(
            made.service.id, (await site.auth.services.credentials_of(made.service.id))[0].id
        )
        proof, made = await _service(site, ISSUER)
        token = body["access_token"]
        for dead in (
            ended["access_token"],
            own,
            body["refresh_token"],
            made.first.secret,
            token[:-2] + ("AA" if token[-2:] != "AA" else "BB"),
            token[:-40],
            "ccs_" + "a" * 44,
            "cck_" + "a" * 50,
            "eyJhbGciOiJub25lIn0.e30.",
            "nonsense",
            "ö",
            " ",
            token + " ",
        ):
            answer = await introspect(site, dead, proof)
            assert (answer.status_code, answer.content) == (200, INACTIVE), dead
        assert (await introspect(site, token, proof, token_type_hint="refresh_token")).json()["active"] is True


async def test_an_answer_names_no_other_audience_and_nothing_personal():
    async with running(tokens=TOKENS) as site:
        client = site.client()
        await site.register(client, carry="tokens", name="Ann Personal")
        body = await site.log_in(client, carry="header", audience="orders")
        proof, _ = await _service(site, "orders", ISSUER)
        answer = await introspect(site, body["session_token"], proof)
        assert answer.json()["aud"] == ["orders"]
        assert 'example.com"' not in answer.text
        assert "Personal" not in answer.text
        assert answer.headers["cache-control"] == "no-store"


async def test_a_service_that_was_revoked_a_moment_ago_is_not_answered():
    async with running(tokens=TOKENS) as site:
        client = site.client()
        body = await site.register(client, carry="tokens")
        proof, made = await _service(site, ISSUER)
        own = (await ask_token(site, headers=proof)).json()["access_token"]
        for headers in (proof, bearer(own), bearer(made.first.secret)):
            assert (await introspect(site, body["access_token"], headers)).json()["active"] is True
        await site.auth.services.delete(made.service.id)
        for headers in (proof, bearer(own), bearer(made.first.secret)):
            assert (await introspect(site, body["access_token"], headers)).status_code == 401


async def _key(site: Site, user_id: str, **more):
    return await site.auth.api_keys.create(user_id, "key", **more)
