"""Administration is tried without being an administrator, or to saw off the branch one sits on.

ST-04, ST-06, ST-07, ST-08, SE-19, LG-32.
"""

from datetime import timedelta

import pytest
from starlette.routing import Route

from coatcheck.web.api import routes
from coatcheck.web.api.endpoint import Endpoint, May
from coatcheck.web.api.table import full_path, table
from tests.site import API, SAME_ORIGIN, bearer, code_of, running

pytestmark = pytest.mark.anyio

TABLE = table("/auth")
ADMINISTRATION = [endpoint for endpoint in TABLE if "/admin/" in endpoint.path]
PUBLIC = {
    ("POST", "/auth/api/register"),
    ("POST", "/auth/api/login"),
    ("POST", "/auth/api/logout"),
    ("POST", "/auth/api/token"),
    ("POST", "/auth/api/introspect"),  # the form proves which service asks: test_introspection_oracle
    ("POST", "/auth/api/revoke"),  # the token is the proof
    ("POST", "/auth/api/feed"),  # wants the secret of a service once the question was read: test_feed_without_leave.py
    ("GET", "/auth/.well-known/jwks.json"),
    ("GET", "/.well-known/jwks.json"),
    ("GET", "/.well-known/oauth-authorization-server"),
    ("GET", "/.well-known/oauth-authorization-server/auth"),
    ("GET", "/auth/healthz"),
    ("GET", "/auth/readyz"),
}


def name(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


async def test_every_route_is_on_the_public_list_or_refuses_who_has_no_credential():
    async with running() as site:
        for endpoint in TABLE:
            path = full_path(endpoint, "/auth")
            if (endpoint.method, path) in PUBLIC:
                assert endpoint.may is May.ANYONE
                continue
            answer = await site.client().request(endpoint.method, path, headers=SAME_ORIGIN)
            assert (answer.status_code, code_of(answer)) == (401, "token.missing")
            assert answer.headers["www-authenticate"] == "Bearer"


async def test_no_route_is_served_that_the_table_does_not_have():
    async with running() as site:
        served = {route.path for route in routes(site.auth) if isinstance(route, Route)}
        known = {full_path(endpoint, "/auth") for endpoint in TABLE}
        assert served - known == {"/auth/api", "/auth/api/{rest:path}", "/auth/api/openapi.json"}


@pytest.mark.parametrize(
    "roles", [(), ("admin",), ("coatcheck", "administrator", "coatcheck:admin2", "Coatcheck:Admin")]
)
@pytest.mark.parametrize("carry", ["cookie", "tokens"])
async def test_no_other_role_opens_administration(carry: str, roles: tuple[str, ...]):
    async with running() as site:
        user = await site.auth.create_user("eve@example.com", "three quiet herons wade", roles=roles)
        browser = site.browser()
        body = await site.log_in(browser, "eve@example.com", carry=carry)
        headers = bearer(body["access_token"]) if carry == "tokens" else {}
        for endpoint in ADMINISTRATION:
            path = full_path(endpoint, "/auth").replace("{user_id}", user.id)
            answer = await browser.request(endpoint.method, path, headers=headers)
            assert (answer.status_code, code_of(answer)) == (403, "access.denied")


async def test_a_proof_is_not_asked_of_who_may_not_do_it_anyway():
    async with running() as site:
        browser = site.browser()
        await site.register(browser)
        site.clock.advance(timedelta(hours=1))
        answer = await browser.post(f"{API}/admin/end-everything", json={"reason": "because"})
        assert code_of(answer) == "access.denied"


@pytest.mark.parametrize(
    "endpoint", [each for each in ADMINISTRATION if not each.is_safe and not each.path.endswith("search")], ids=name
)
async def test_every_change_takes_a_recent_proof(endpoint: Endpoint):
    async with running() as site:
        root = await site.administrator()
        site.clock.advance(timedelta(minutes=15, seconds=1))
        answer = await root.request(endpoint.method, full_path(endpoint, "/auth"))
        assert (answer.status_code, code_of(answer)) == (401, "access.reauthenticate")


async def test_an_administrator_who_was_demoted_is_one_no_longer():
    async with running() as site:
        first, second = await site.administrator(), await site.administrator("second@example.com")
        token = (await site.log_in(site.client(), "second@example.com", carry="tokens"))["access_token"]
        demoted = (await second.get(f"{API}/me")).json()["user"]["id"]
        assert (await first.patch(f"{API}/admin/users/{demoted}", json={"roles": []})).status_code == 200
        assert code_of(await second.get(f"{API}/admin/users")) == "access.denied"
        assert code_of(await second.get(f"{API}/admin/users", headers=bearer(token))) == "token.outdated"


async def test_two_administrators_who_remove_each_other_leave_one():
    async with running() as site:
        first, second = await site.administrator(), await site.administrator("second@example.com")
        ids = [(await each.get(f"{API}/me")).json()["user"]["id"] for each in (first, second)]
        answers = [
            await first.delete(f"{API}/admin/users/{ids[1]}"),
            await second.delete(f"{API}/admin/users/{ids[0]}"),
            await first.delete(f"{API}/admin/users/{ids[0]}"),
        ]
        assert [answer.status_code for answer in answers] == [204, 401, 409]


async def test_somebody_elses_ids_are_as_good_as_none():
    async with running() as site:
        ann, bob = site.browser(), site.browser()
        await site.register(ann)
        theirs = await site.register(bob, "bob@example.com")
        session_id, user_id = theirs["session"]["id"], theirs["user"]["id"]
        for method, path in (
            ("DELETE", f"{API}/sessions/{session_id}"),
            ("GET", f"{API}/sessions/{session_id}"),
            ("DELETE", f"{API}/sessions/{user_id}"),
            ("DELETE", f"{API}/sessions/{session_id.upper()}"),
            ("GET", f"{API}/admin/users/{user_id}"),
            ("DELETE", f"{API}/admin/users/{user_id}/sessions/{session_id}"),
        ):
            assert (await ann.request(method, path)).status_code in (403, 404, 405)
        assert (await bob.get(f"{API}/me")).status_code == 200


async def test_a_device_list_holds_nothing_that_opens_anything():
    async with running() as site:
        browser = site.browser()
        await site.register(browser)
        await site.log_in(site.client(), carry="tokens")
        answer = await browser.get(f"{API}/sessions")
        assert "ccs_" not in answer.text
        assert "ccr_" not in answer.text
        assert "digest" not in answer.text
        for each in answer.json()["sessions"]:
            assert (await site.client().get(f"{API}/me", headers=bearer(each["id"]))).status_code == 401
