"""An API key is used for more than it is for: to administer, to make further keys, in a cookie, for somebody else.

ST-16, ST-08 (OWASP ASVS 8.2.2) and ST-06.
"""

import re
from datetime import timedelta

import pytest

from coatcheck.errors import SessionEnded
from coatcheck.model.principal import Kind
from coatcheck.model.user import ADMINISTRATOR
from coatcheck.settings import TokenSettings
from coatcheck.tokens.api_key import is_well_formed
from coatcheck.web.api.endpoint import May
from coatcheck.web.api.table import full_path, table
from tests.site import API, PASSWORD, bearer, code_of, running

pytestmark = pytest.mark.anyio

TOKENS = TokenSettings(audiences=("orders",), api_key_scopes=("orders:read",))
FOR_ANY_CALLER = {"/auth/api/check"}


async def test_a_key_of_an_administrator_opens_nothing_that_is_for_people():
    async with running(tokens=TOKENS) as site:
        root = await site.auth.create_user("root@example.com", PASSWORD, roles=(ADMINISTRATOR,))
        key = (await site.auth.api_keys.create(root.id, "mine", scopes=["orders:read"])).secret
        client = site.client(**bearer(key))
        for endpoint in table("/auth"):
            path = full_path(endpoint, "/auth")
            if endpoint.may is May.ANYONE or path in FOR_ANY_CALLER:
                continue
            answer = await client.request(endpoint.method, re.sub(r"\{.*?\}", "x", path), json={})
            assert (answer.status_code, code_of(answer)) in ((403, "access.denied"), (422, "request.invalid")), path
        assert [each.id for each in await site.auth.find_users()] == [root.id]
        assert len(await site.auth.api_keys.of(root.id)) == 1


async def test_a_key_makes_no_key_logs_nobody_out_and_renews_nothing():
    async with running(tokens=TOKENS) as site:
        ann = site.browser()
        body = await site.register(ann)
        key = (await ann.post(f"{API}/api-keys", json={"name": "k"})).json()["secret"]
        client = site.client(**bearer(key))
        for method, path, json in (
            ("POST", "api-keys", {"name": "more"}),
            ("POST", "password", {"current": PASSWORD, "new": "four low grey stones"}),
            ("POST", "reauthenticate", {"password": PASSWORD}),
            ("POST", "logout", {"scope": "all"}),
            ("POST", "logout", {"scope": "this"}),
            ("DELETE", f"sessions/{body['session']['id']}", None),
        ):
            answer = await client.request(method, f"{API}/{path}", json=json)
            assert (answer.status_code, code_of(answer)) == (403, "access.denied"), path
        exchanged = await client.post(f"{API}/token", data={"grant_type": "urn:coatcheck:session"})
        assert (exchanged.status_code, exchanged.json()["code"]) == (400, "token.wrong_kind")
        assert (await ann.get(f"{API}/me")).status_code == 200
        assert (await site.auth.check(key)).kind is Kind.API_KEY


async def test_an_upstream_is_told_of_a_key_what_the_key_is():
    """A gateway passes a short token on. It must not be the person's."""
    async with running(tokens=TOKENS) as site:
        root = await site.auth.create_user("root@example.com", PASSWORD, roles=("editor",))
        key = (await site.auth.api_keys.create(root.id, "mine", scopes=["orders:read"])).secret
        passed = await site.client().get(f"{API}/check", headers=bearer(key))
        assert passed.status_code == 204
        token = passed.headers["authorization"].removeprefix("Bearer ")
        who = await site.auth.check(token, audience="orders")
        assert (who.kind, who.user_id, who.roles, who.scopes) == (Kind.API_KEY, root.id, frozenset(), {"orders:read"})


async def test_a_key_for_one_upstream_gets_through_to_no_other():
    """JC-09: what is meant for one service would be a key to all that stand behind the same gateway."""
    async with running(tokens=TokenSettings(audiences=("orders", "billing"))) as site:
        ann = await site.auth.create_user("ann@example.com", PASSWORD)
        key = (await site.auth.api_keys.create(ann.id, "for orders", audience="orders")).secret
        answers = [
            await site.client().get(f"{API}/check?audience={each}", headers=bearer(key))
            for each in ("billing", "orders")
        ]
        assert [answer.status_code for answer in answers] == [403, 204]
        assert "authorization" not in answers[0].headers


async def test_a_scope_that_is_not_offered_is_not_given():
    async with running(tokens=TOKENS) as site:
        ann = site.browser()
        await site.register(ann)
        for scopes in (["orders:write"], ["orders:read", "coatcheck:admin"], ["orders:read orders:write"], ["*"], [""]):
            answer = await ann.post(f"{API}/api-keys", json={"name": "k", "scopes": scopes})
            assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "scopes"), scopes
        for body, field in (
            ({"name": ""}, "name"),
            ({"name": "  "}, "name"),
            ({"name": "k", "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
            ({"name": "k", "roles": ["admin"]}, "roles"),
        ):
            answer = await ann.post(f"{API}/api-keys", json=body)
            assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), body


async def test_making_a_key_wants_a_password_proven_lately():
    async with running(tokens=TOKENS) as site:
        ann = site.browser()
        await site.register(ann)
        site.clock.advance(timedelta(minutes=16))
        refused = await ann.post(f"{API}/api-keys", json={"name": "k"})
        assert (refused.status_code, code_of(refused)) == (401, "access.reauthenticate")
        await ann.post(f"{API}/reauthenticate", json={"password": PASSWORD})
        assert (await ann.post(f"{API}/api-keys", json={"name": "k"})).status_code == 201


async def test_another_site_makes_no_key_with_somebodys_cookie():
    async with running(tokens=TOKENS) as site:
        ann = site.browser()
        user = (await site.register(ann))["user"]
        for site_said in ("cross-site", "same-site"):
            headers = {"sec-fetch-site": site_said, "origin": "https://other.example.com"}
            answer = await ann.post(f"{API}/api-keys", json={"name": "k"}, headers=headers)
            assert (answer.status_code, code_of(answer)) == (403, "origin.refused")
        assert await site.auth.api_keys.of(user["id"]) == []


async def test_somebody_elses_key_is_as_good_as_none():
    async with running(tokens=TOKENS) as site:
        ann, bob = site.browser(), site.browser()
        await site.register(ann)
        login = await site.register(bob, "bob@example.com")
        key = (await ann.post(f"{API}/api-keys", json={"name": "k"})).json()
        assert (await bob.get(f"{API}/api-keys")).json()["api_keys"] == []
        for named in (key["api_key"]["id"], "apk_unknown", login["session"]["id"]):
            answer = await bob.delete(f"{API}/api-keys/{named}")
            assert (answer.status_code, code_of(answer)) == (404, "request.not_found")
        as_device = await ann.delete(f"{API}/sessions/{key['api_key']['id']}")
        assert as_device.status_code == 404, "a key is no device"
        assert (await site.auth.check(key["secret"])).session_id == key["api_key"]["id"]


async def test_a_key_in_a_cookie_is_not_read():
    async with running(tokens=TOKENS) as site:
        ann = site.browser()
        await site.register(ann)
        key = (await ann.post(f"{API}/api-keys", json={"name": "k"})).json()["secret"]
        for name in ("__Host-coatcheck", "__Host-coatcheck-access"):
            answer = await site.browser().get(f"{API}/check", headers={"cookie": f"{name}={key}"})
            assert (answer.status_code, code_of(answer)) == (401, "token.invalid")


async def test_a_leaked_key_is_told_from_any_text_without_asking_us_and_the_store_has_only_its_digest():
    async with running(tokens=TOKENS) as site:
        user = await site.auth.create_user("a@example.com")
        made = await site.auth.api_keys.create(user.id, "k")
        key = made.secret.encode()
        assert re.fullmatch(rb"cck_[0-9A-Za-z_-]{44}[0-9A-Za-z]{6}", key)
        assert is_well_formed(key)
        for place in range(len(key)):
            changed = key[:place] + bytes([key[place] ^ 1]) + key[place + 1 :]
            assert not is_well_formed(changed)
        stored = await site.auth.get_session(made.credential.id)
        assert made.secret not in repr([getattr(stored, name) for name in stored.__struct_fields__])
        assert made.secret not in repr(made)
        trail = await site.auth.audit(user_id=user.id)
        assert made.secret not in repr(trail)


async def test_a_key_is_not_made_by_a_login_that_has_ended_meanwhile():
    async with running(tokens=TOKENS) as site:
        ann = site.client()
        body = await site.register(ann, carry="header")
        who = await site.auth.check(body["session_token"])
        await site.auth.logout(who)
        with pytest.raises(SessionEnded):
            await site.auth.api_keys.create(who, "late")
        assert await site.auth.api_keys.of(body["user"]["id"]) == []


async def test_nobody_has_keys_without_number():
    async with running(tokens=TOKENS) as site:
        ann = site.browser()
        await site.register(ann)
        answers = [await ann.post(f"{API}/api-keys", json={"name": str(number)}) for number in range(51)]
        assert [answer.status_code for answer in answers] == [201] * 50 + [409]
