"""What foreign verifiers look up."""

import pytest

from coatcheck.model.key import Algorithm
from coatcheck.settings import TokenSettings
from tests.site import URL, running

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("path", ["/.well-known/jwks.json", "/auth/.well-known/jwks.json"])
async def test_the_public_keys_are_there_for_anybody(path: str):
    async with running() as site:
        answer = await site.client().get(path)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "max-age" in answer.headers["cache-control"]
        keys = answer.json()["keys"]
        assert {key["kid"] for key in keys} == {key.kid for key in await site.auth.keys()}
        assert all(set(key) == {"kty", "crv", "x", "y", "kid", "alg", "use"} for key in keys)


async def test_hs256_secrets_are_never_published():
    async with running(tokens=TokenSettings(algorithm=Algorithm.HS256)) as site:
        assert (await site.client().get("/.well-known/jwks.json")).json() == {"keys": []}


@pytest.mark.parametrize(
    "path", ["/.well-known/oauth-authorization-server", "/.well-known/oauth-authorization-server/auth"]
)
async def test_the_metadata_says_what_is_built(path: str):
    async with running() as site:
        client = site.client()
        said = (await client.get(path)).json()
        assert said["issuer"] == f"{URL}/auth"
        assert (await client.get(said["jwks_uri"])).status_code == 200
        assert said["response_types_supported"] == []
        for grant_type in said["grant_types_supported"]:
            answer = await client.post(said["token_endpoint"], data={"grant_type": grant_type})
            assert answer.json()["error"] != "unsupported_grant_type"


async def test_nothing_a_client_sends_changes_the_issuer():
    async with running() as site:
        odd = {"host": "evil.example", "x-forwarded-host": "evil.example", "forwarded": "host=evil.example"}
        answer = await site.client().get("/.well-known/oauth-authorization-server", headers=odd)
        assert "evil" not in answer.text
