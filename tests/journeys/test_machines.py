"""Programs: a service with a secret, one that signs, an API key. Each works, is revoked with a receipt, is refused."""

from datetime import timedelta

import pytest

from coatcheck.model.principal import Kind
from coatcheck.settings import TokenSettings
from tests.databases import EVERYWHERE
from tests.machines import ISSUER, ask_token, assertion, by_assertion, by_basic, introspect, new_pair
from tests.site import API, PASSWORD, Site, bearer, code_of, running

pytestmark = [pytest.mark.anyio, *EVERYWHERE]

TOKENS = TokenSettings(audiences=("orders",), api_key_scopes=("orders:read", "orders:write"))


async def _registered(site: Site, admin, **more):
    answer = await admin.post(
        f"{API}/admin/services",
        json={"name": "nightly", "audiences": [ISSUER], "scopes": ["orders:read", "orders:write"], **more},
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


async def _principal(site: Site, token: str):
    return await site.auth.check(token)


async def _called(site: Site, token: str):
    """What an API behind a gateway answers to a call with ``token``."""
    return await site.client().get(f"{API}/check?identity=headers", headers=bearer(token))


async def test_a_service_gets_a_token_by_its_secret_and_is_refused_from_the_next_call_on():
    async with running(tokens=TOKENS) as site:
        admin = await site.administrator()
        made = await _registered(site, admin)
        service, secret = made["service"], made["secret"]
        answer = await ask_token(site, {"scope": "orders:read"}, by_basic(service["id"], secret))
        body = answer.json()
        assert set(body) == {"access_token", "token_type", "expires_in", "scope"}
        assert (body["token_type"], body["scope"], body["expires_in"]) == ("Bearer", "orders:read", 600)

        who = await _principal(site, body["access_token"])
        assert (who.kind, who.client_id, who.user_id) == (Kind.SERVICE, service["id"], None)
        assert (who.scopes, who.roles) == ({"orders:read"}, frozenset())
        passed = await _called(site, body["access_token"])
        assert passed.status_code == 204
        assert passed.headers["x-auth-client"] == service["id"]

        [credential] = (await admin.get(f"{API}/admin/services/{service['id']}")).json()["secrets"]
        revoked = await admin.delete(
            f"{API}/admin/services/{service['id']}/secrets/{credential['id']}", params={"wait": "true"}
        )
        assert revoked.json()["receipt"]["confirmed"] == 1
        refused = await _called(site, body["access_token"])
        assert (refused.status_code, code_of(refused)) == (401, "session.ended")
        again = await ask_token(site, headers=by_basic(service["id"], secret))
        assert (again.status_code, again.json()["error"]) == (401, "invalid_client")


async def test_a_service_that_signs_gets_a_token_and_is_refused_from_the_next_call_on():
    async with running(tokens=TOKENS) as site:
        admin = await site.administrator()
        private, public = new_pair()
        made = await _registered(site, admin, public_key=public)
        assert "secret" not in made
        [credential], service_id = made["secrets"], made["service"]["id"]
        assert credential["form"] == "public_key"
        for kid in (None, credential["id"]):
            answer = await ask_token(site, by_assertion(assertion(site, private, service_id, kid=kid)))
            assert answer.status_code == 200, answer.text
        token = answer.json()["access_token"]
        assert (await _principal(site, token)).client_id == service_id

        second, other = new_pair()
        added = await admin.post(
            f"{API}/admin/services/{service_id}/secrets", json={"name": "next", "public_key": other}
        )
        assert added.status_code == 201
        ended = await admin.delete(f"{API}/admin/services/{service_id}/secrets/{credential['id']}?wait=true")
        assert ended.json()["receipt"]["confirmed"] == 1
        assert code_of(await _called(site, token)) == "session.ended"
        old = await ask_token(site, by_assertion(assertion(site, private, service_id, kid=credential["id"])))
        assert old.status_code == 401
        new = await ask_token(
            site, by_assertion(assertion(site, second, service_id, kid=added.json()["credential"]["id"]))
        )
        assert new.status_code == 200


async def test_an_api_key_works_until_it_is_revoked():
    async with running(tokens=TOKENS) as site:
        ann = site.browser()
        user = (await site.register(ann))["user"]
        made = await ann.post(f"{API}/api-keys", json={"name": "nightly", "scopes": ["orders:read"]})
        assert made.status_code == 201, made.text
        key, secret = made.json()["api_key"], made.json()["secret"]
        assert secret.startswith("cck_")
        assert (key["name"], key["scopes"], key["last_used_at"], key["expires_at"]) == (
            "nightly",
            ["orders:read"],
            None,
            None,
        )
        site.clock.advance(timedelta(minutes=3))
        who = await _principal(site, secret)
        assert (who.kind, who.user_id, who.scopes, who.roles) == (
            Kind.API_KEY,
            user["id"],
            {"orders:read"},
            frozenset(),
        )
        [listed] = (await ann.get(f"{API}/api-keys")).json()["api_keys"]
        assert listed["last_used_at"] == "2026-01-01T12:03:00Z"
        assert secret not in (await ann.get(f"{API}/api-keys")).text
        revoked = await ann.delete(f"{API}/api-keys/{key['id']}?wait=true")
        assert revoked.json()["receipt"]["confirmed"] == 1
        refused = await _called(site, secret)
        assert (refused.status_code, code_of(refused)) == (401, "session.ended")
        assert (await ann.get(f"{API}/api-keys")).json()["api_keys"] == []


@pytest.mark.parametrize("what", ["suspended", "compromised", "deleted", "everything"])
async def test_a_persons_keys_end_with_the_account(what: str):
    async with running(tokens=TOKENS) as site:
        ann, auth = site.browser(), site.auth
        user = (await site.register(ann))["user"]
        secret = (await ann.post(f"{API}/api-keys", json={"name": "nightly"})).json()["secret"]
        assert (await _principal(site, secret)).user_id == user["id"]
        match what:
            case "suspended":
                await auth.suspend(user["id"])
            case "compromised":
                await auth.mark_compromised(user["id"], reason="phished")
            case "deleted":
                await auth.delete_user(user["id"])
            case "everything":
                await auth.end_everything(reason="we do not know what was taken")
        refused = await _called(site, secret)
        assert (refused.status_code, code_of(refused)) == (401, "session.ended")
        if what == "suspended":
            await auth.restore(user["id"])
            again = await _called(site, secret)
            assert code_of(again) == "session.ended", "what was ended stays ended"


async def test_logouts_a_new_password_and_the_session_limit_leave_keys_alone():
    async with running(tokens=TOKENS) as site:
        ann = site.browser()
        body = await site.register(ann)
        made = (await ann.post(f"{API}/api-keys", json={"name": "nightly"})).json()
        listed = (await ann.get(f"{API}/sessions")).json()["sessions"]
        assert [each["id"] for each in listed] == [body["session"]["id"]], "a key is no device"
        changed = await ann.post(f"{API}/password", json={"current": PASSWORD, "new": "four low grey stones"})
        assert changed.status_code == 200
        await site.auth.set_password(body["user"]["id"], PASSWORD)
        await site.log_in(ann)
        assert (await ann.post(f"{API}/logout", json={"scope": "all"})).status_code == 204
        await site.auth.logout_everywhere(body["user"]["id"])
        assert (await _principal(site, made["secret"])).session_id == made["api_key"]["id"]


async def test_what_was_given_to_a_service_is_refused_when_the_service_is_changed():
    async with running(tokens=TOKENS) as site:
        admin = await site.administrator()
        made = await _registered(site, admin)
        service_id, proof = made["service"]["id"], by_basic(made["service"]["id"], made["secret"])
        token = (await ask_token(site, headers=proof)).json()["access_token"]
        narrowed = await admin.patch(f"{API}/admin/services/{service_id}?wait=true", json={"scopes": ["orders:read"]})
        assert narrowed.json()["service"]["scopes"] == ["orders:read"]
        assert narrowed.json()["receipt"]["confirmed"] == 1
        assert code_of(await _called(site, token)) == "token.outdated"
        renewed = (await ask_token(site, headers=proof)).json()
        assert renewed["scope"] == "orders:read"
        await admin.patch(f"{API}/admin/services/{service_id}", json={"status": "suspended"})
        assert (await ask_token(site, headers=proof)).status_code == 401
        await admin.patch(f"{API}/admin/services/{service_id}", json={"status": "active"})
        assert (await ask_token(site, headers=proof)).status_code == 200
        assert (await admin.delete(f"{API}/admin/services/{service_id}")).status_code == 204
        assert (await ask_token(site, headers=proof)).status_code == 401
        assert (await admin.get(f"{API}/admin/services/{service_id}")).status_code == 404


async def test_everything_ended_spares_services_of_the_feed_unless_asked():
    async with running(tokens=TOKENS) as site:
        services = site.auth.services
        plain, follower = await services.create("plain", audiences=[ISSUER]), await services.create("v", feed=True)
        token = (await ask_token(site, headers=by_basic(plain.service.id, plain.first.secret))).json()["access_token"]
        await site.auth.end_everything(reason="a drill")
        assert code_of(await _called(site, token)) == "token.revoked"
        assert (await ask_token(site, headers=by_basic(plain.service.id, plain.first.secret))).status_code == 401
        assert (await services.authenticate(follower.first.secret)).client_id == follower.service.id
        await site.auth.end_everything(reason="for good", spare_feeds=False)
        assert await services.credentials_of(follower.service.id) == []


async def test_a_resource_server_asks_about_a_token_and_hears_of_its_revocation():
    async with running(tokens=TOKENS) as site:
        ann = site.client()
        body = await site.register(ann, carry="tokens", audience="orders")
        orders = await site.auth.services.create("orders", audiences=["orders"])
        proof = by_basic(orders.service.id, orders.first.secret)
        told = (await introspect(site, body["access_token"], proof)).json()
        assert told["active"] is True
        assert (told["sub"], told["aud"], told["iss"]) == (body["user"]["id"], ["orders"], ISSUER)
        assert (told["sid"], told["token_type"], told["amr"]) == (body["session"]["id"], "Bearer", ["pwd"])
        assert told["exp"] - told["iat"] == 600
        assert told["coatcheck"]["kind"] == "user"
        assert told["coatcheck"]["position"] == str((await site.auth.store.read(lambda tx: tx.log.head())).position)
        await site.auth.logout_everywhere(body["user"]["id"])
        assert (await introspect(site, body["access_token"], proof)).json() == {"active": False}
