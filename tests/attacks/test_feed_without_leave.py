"""FD-10, JC-09: somebody who is no service with a feed follows what is revoked, with whatever credential there is.

Only the secret of a service whose feed is on opens it, or an access token that such a service got for the feed alone.
"""

from typing import Any

import pytest

from coatcheck.model.service import ServiceStatus
from coatcheck.model.session import Carry
from coatcheck.settings import TokenSettings
from coatcheck.testing import login_as
from tests.site import API, URL, Site, bearer, code_of, running

pytestmark = pytest.mark.anyio
ASKED: dict[str, Any] = {"wait_ms": 0}


async def statuses(site: Site, headers: dict[str, str]) -> tuple[int, int]:
    client = site.client(**headers)
    asked = await client.post(f"{API}/feed", json=ASKED)
    left = await client.delete(f"{API}/feed/reg_x.AAAA")
    for answer in (asked, left):
        if answer.status_code == 401:
            assert answer.headers["www-authenticate"].startswith("Bearer")
    return asked.status_code, left.status_code


async def test_nobody_gets_in_without_a_credential_or_with_that_of_a_person() -> None:
    async with running(tokens=TokenSettings(audiences=(f"{URL}/auth/api/feed",))) as site:
        access = await login_as(site.auth, carry=Carry.TOKENS)
        for_feed = await login_as(site.auth, carry=Carry.TOKENS, audience=f"{URL}/auth/api/feed")
        session = await login_as(site.auth, carry=Carry.HEADER)
        cookie = await login_as(site.auth)
        refresh = (await site.register(site.client(), "bob@example.com", carry="tokens"))["refresh_token"]
        key = await site.auth.api_keys.create(access.user.id, "a script")
        for headers in (
            {},
            access.headers,
            for_feed.headers,
            session.headers,
            cookie.headers,
            bearer(refresh),
            bearer(key.secret or ""),
            bearer(""),
            bearer("ccx_" + "A" * 50),
            {"authorization": "Basic c3ZjOng="},
            {"authorization": "bearer"},
        ):
            assert await statuses(site, headers) == (401, 401), headers


async def test_a_secret_in_a_cookie_a_query_or_twice_opens_nothing() -> None:
    async with running() as site:
        secret = await secret_of(site)
        assert (await site.client().post(f"{API}/feed?token={secret}", json=ASKED)).status_code == 401
        assert await statuses(site, {"cookie": f"__Host-coatcheck={secret}"}) == (401, 401)
        twice = [("authorization", f"Bearer {secret}"), ("authorization", f"Bearer {secret}")]
        assert (await site.client().post(f"{API}/feed", json=ASKED, headers=twice)).status_code == 401


async def test_a_service_without_feed_or_suspended_or_gone_or_with_a_revoked_secret_is_refused_at_once() -> None:
    async with running() as site:
        services = site.auth.services
        without = await services.create("without", audiences=["without"])
        assert await statuses(site, bearer(without.first.secret or "")) == (403, 403)
        for way in ("suspended", "deleted", "revoked", "off"):
            made = await services.create(way, audiences=[way], feed=True)
            headers = bearer(made.first.secret or "")
            assert await statuses(site, headers) == (200, 204)
            if way == "suspended":
                await services.change(made.service.id, status=ServiceStatus.SUSPENDED)
            elif way == "deleted":
                await services.delete(made.service.id)
            elif way == "revoked":
                await services.revoke_credential(made.service.id, made.first.credential.id)
            else:
                await services.change(made.service.id, feed=False)
            assert set(await statuses(site, headers)) <= {401, 403}, way


async def test_an_access_token_of_a_service_opens_the_feed_only_if_it_is_for_the_feed_and_the_feed_only() -> None:
    async with running() as site:
        services = site.auth.services
        made = await services.create("orders", audiences=["orders", f"{URL}/auth"], feed=True)
        who = await services.authenticate(made.first.secret)
        tokens = {
            audience: (await services.issue(who, audience=audience)).access_token
            for audience in ("orders", f"{URL}/auth", f"{URL}/auth/api/feed")
        }
        seen = {audience: await statuses(site, bearer(token)) for audience, token in tokens.items()}
        assert seen == {"orders": (401, 401), f"{URL}/auth": (401, 401), f"{URL}/auth/api/feed": (200, 204)}
        me = await site.client(**bearer(tokens[f"{URL}/auth/api/feed"])).get(f"{API}/me")
        assert (me.status_code, code_of(me)) == (401, "token.wrong_audience")
        await services.change(made.service.id, feed=False)
        assert await statuses(site, bearer(tokens[f"{URL}/auth/api/feed"])) == (401, 401)


async def secret_of(site: Site) -> str:
    made = await site.auth.services.create("orders", audiences=["orders"], feed=True)
    return made.first.secret or ""
