"""Tokens that were minted in the very instant of a change: whole seconds tell nothing, counters do.

JC-16, JC-19, JW-46, RF-07.
"""

import pytest
from msgspec import json

from coatcheck.tokens.base64url import decode
from tests.site import API, PASSWORD, bearer, code_of, running

pytestmark = pytest.mark.anyio


def _claims(token: str) -> dict[str, object]:
    return json.decode(decode(token.split(".")[1].encode()))


@pytest.mark.parametrize("change", ["password", "reauthentication", "roles", "everything"])
async def test_a_token_from_just_before_a_change_is_refused_though_no_time_has_passed(change: str):
    async with running() as site:
        client = site.client()
        body = await site.register(client, carry="tokens")
        own = bearer(body["access_token"])
        if change == "password":
            answer = await client.post(
                f"{API}/password", json={"current": PASSWORD, "new": "two odd tall elms"}, headers=own
            )
            fresh = answer.json()["access_token"]
        elif change == "reauthentication":
            fresh = (await client.post(f"{API}/reauthenticate", json={"password": PASSWORD}, headers=own)).json()[
                "access_token"
            ]
        elif change == "roles":
            await site.auth.set_roles(body["user"]["id"], ("editor",))
            fresh = (await site.log_in(client, carry="tokens"))["access_token"]
        else:
            await site.auth.end_everything(reason="a test")
            fresh = (await site.log_in(client, carry="tokens"))["access_token"]
        assert _claims(fresh)["iat"] == _claims(body["access_token"])["iat"]
        assert code_of(await client.get(f"{API}/me", headers=own)) in ("token.outdated", "token.revoked")
        assert (await client.get(f"{API}/me", headers=bearer(fresh))).status_code == 200


async def test_an_access_token_holds_the_documented_claims_and_nothing_personal():
    async with running() as site:
        body = await site.register(site.client("203.0.113.99"), name="Ann Personal", carry="tokens")
        claims = _claims(body["access_token"])
        assert set(claims) == {
            "iss",
            "aud",
            "sub",
            "exp",
            "iat",
            "jti",
            "sid",
            "client_id",
            "scope",
            "roles",
            "auth_time",
            "amr",
            "gen",
            "ver",
            "all",
            "pos",
        }
        said = json.encode(claims)
        for personal in (b"ann", b"Personal", b"203.0.113"):
            assert personal not in said


async def test_a_token_in_two_places_has_one_meaning():
    async with running() as site:
        ann, bob = site.browser(), site.client()
        await site.register(ann)
        theirs = await site.register(bob, "bob@example.com", carry="tokens")
        token = theirs["access_token"]
        both = await ann.get(f"{API}/me", headers=bearer(token))
        assert both.json()["user"]["email"] == "bob@example.com"
        cookie_wins = await ann.get(f"{API}/me", params={"access_token": token, "token": token})
        assert cookie_wins.json()["user"]["email"] == "ann@example.com"
        nobody = await site.client().get(f"{API}/me", params={"access_token": token})
        assert code_of(nobody) == "token.missing"
        body = await site.client().patch(f"{API}/me", json={"access_token": token})
        assert code_of(body) == "token.missing"
        two = [("authorization", f"Bearer {token}"), ("authorization", f"Bearer {token}")]
        assert code_of(await site.client().get(f"{API}/me", headers=two)) == "token.invalid"
