"""Administration of services and of everybody's API keys, and what the metadata say of it all."""

from datetime import timedelta

import pytest

from coatcheck.settings import TokenSettings
from tests.machines import ISSUER, new_pair
from tests.site import API, PASSWORD, Site, code_of, running

pytestmark = pytest.mark.anyio

SERVICES = f"{API}/admin/services"


async def test_a_service_is_registered_shown_and_listed_without_its_secret():
    async with running() as site:
        admin = await site.administrator()
        made = await admin.post(
            SERVICES, json={"name": " orders ", "audiences": ["orders", ISSUER], "scopes": ["w", "r"], "feed": True}
        )
        assert made.status_code == 201
        body = made.json()
        assert set(body) == {"service", "secrets", "secret"}
        service = body["service"]
        assert service | {"id": "", "created_at": ""} == {
            "id": "",
            "name": "orders",
            "audiences": [ISSUER, "orders"],
            "scopes": ["r", "w"],
            "feed": True,
            "status": "active",
            "created_at": "",
        }
        [credential] = body["secrets"]
        assert credential["id"].startswith("crd_")
        assert (credential["form"], credential["last_used_at"], credential["expires_at"]) == ("secret", None, None)
        shown = await admin.get(f"{SERVICES}/{service['id']}")
        assert shown.json() == {"service": service, "secrets": [credential]}
        assert (await admin.get(SERVICES)).json() == {"services": [service], "next_cursor": None}
        for answer in (shown, await admin.get(SERVICES)):
            assert body["secret"] not in answer.text
        [entry] = await site.auth.audit(kind="service.created")
        assert entry.user_id == service["id"]
        assert body["secret"] not in repr(entry)


async def test_what_is_left_out_of_a_change_stays_and_a_name_refuses_no_token():
    async with running() as site:
        admin = await site.administrator()
        made = await site.auth.services.create("orders", audiences=["orders"], scopes=["r"])
        path = f"{SERVICES}/{made.service.id}"
        renamed = (await admin.patch(path, json={"name": "stock"})).json()["service"]
        assert (renamed["name"], renamed["audiences"], renamed["scopes"]) == ("stock", ["orders"], ["r"])
        assert (await site.auth.services.require(made.service.id)).version == 1
        await admin.patch(path, json={"feed": True})
        assert (await site.auth.services.require(made.service.id)).version == 2
        await admin.patch(path, json={"feed": True})
        assert (await site.auth.services.require(made.service.id)).version == 2, "nothing was changed"
        assert [entry.kind for entry in await site.auth.audit(user_id=made.service.id)] == [
            "service.changed",
            "service.created",
        ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "a", "audiences": ["two words"]}, "audiences"),
        ({"name": "a", "audiences": [""]}, "audiences"),
        ({"name": "a", "audiences": ["x", "x"]}, "audiences"),
        ({"name": "a", "audiences": [str(number) for number in range(33)]}, "audiences"),
        ({"name": "a", "scopes": ['quo"te']}, "scopes"),
        ({"name": "a", "scopes": ["ö"]}, "scopes"),
        ({"name": "a", "scopes": ["x" * 65]}, "scopes"),
        ({"name": "a", "public_key": "nonsense"}, "public_key"),
        ({"name": "a", "roles": ["coatcheck:admin"]}, "roles"),
        ({"name": "a", "id": "svc_mine"}, "id"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_what_does_not_fit_is_said_beside_the_field(body, field):
    async with running() as site:
        admin = await site.administrator()
        answer = await admin.post(SERVICES, json=body)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
        assert await site.auth.services.page() == []


async def test_secrets_and_keys_come_and_go():
    async with running() as site:
        admin = await site.administrator()
        made = await site.auth.services.create("orders")
        path = f"{SERVICES}/{made.service.id}/secrets"
        bare = await admin.post(path)
        assert bare.status_code == 201
        assert bare.json()["secret"].startswith("ccx_")
        assert bare.json()["credential"]["name"] == "secret"
        ends = (site.clock.now + timedelta(days=90)).isoformat()
        named = await admin.post(path, json={"name": "autumn", "expires_at": ends})
        assert named.json()["credential"]["expires_at"] == "2026-04-01T12:00:00Z"
        _, public = new_pair()
        key = await admin.post(path, json={"name": "pair", "public_key": public})
        assert set(key.json()) == {"credential"}
        again = await admin.post(path, json={"name": "pair", "public_key": public})
        assert (again.status_code, again.json()["errors"][0]["field"]) == (422, "public_key")
        listed = (await admin.get(f"{SERVICES}/{made.service.id}")).json()["secrets"]
        assert len(listed) == 4
        for each in listed:
            assert (await admin.delete(f"{path}/{each['id']}")).status_code == 204
        gone = await admin.delete(f"{path}/{listed[0]['id']}?wait=true")
        assert gone.json()["receipt"]["confirmed"] == 1, "what was revoked before is fine"
        assert (await admin.get(f"{SERVICES}/{made.service.id}")).json()["secrets"] == []
        answers = [await admin.post(path) for _ in range(11)]
        assert [answer.status_code for answer in answers] == [201] * 10 + [409]


async def test_what_is_not_there_is_not_found():
    async with running() as site:
        admin = await site.administrator()
        made, other = await site.auth.services.create("a"), await site.auth.services.create("b")
        own = made.first.credential.id
        for method, path in (
            ("GET", f"{SERVICES}/svc_x"),
            ("PATCH", f"{SERVICES}/svc_x"),
            ("DELETE", f"{SERVICES}/svc_x"),
            ("POST", f"{SERVICES}/svc_x/secrets"),
            ("DELETE", f"{SERVICES}/{other.service.id}/secrets/{own}"),
            ("DELETE", f"{SERVICES}/{made.service.id}/secrets/ses_x"),
            ("DELETE", f"{API}/admin/api-keys/{own}"),
            ("DELETE", f"{API}/admin/api-keys/apk_x"),
        ):
            answer = await admin.request(method, path, json={} if method in ("PATCH", "POST") else None)
            assert (answer.status_code, code_of(answer)) == (404, "request.not_found"), path
        assert len(await site.auth.services.credentials_of(made.service.id)) == 1


async def test_services_and_keys_come_page_by_page():
    async with running() as site:
        admin = await site.administrator()
        users = [await site.auth.create_user(f"u{number}@example.com") for number in range(2)]
        for number in range(60):
            await site.auth.services.create(f"s{number}")
            await site.auth.api_keys.create(users[number % 2].id, f"k{number}")
        for path, member in ((SERVICES, "services"), (f"{API}/admin/api-keys", "api_keys")):
            first = (await admin.get(path)).json()
            second = (await admin.get(path, params={"cursor": first["next_cursor"]})).json()
            assert (len(first[member]), len(second[member]), second["next_cursor"]) == (50, 10, None)
            ids = [each["id"] for each in first[member] + second[member]]
            assert ids == sorted(ids)
        of_one = (await admin.get(f"{API}/admin/api-keys", params={"user": users[0].id})).json()["api_keys"]
        assert {each["user_id"] for each in of_one} == {users[0].id}
        assert len(of_one) == 30
        revoked = await admin.delete(f"{API}/admin/api-keys/{of_one[0]['id']}?wait=true")
        assert revoked.json()["receipt"]["confirmed"] == 1
        assert len(await site.auth.api_keys.of(users[0].id)) == 29


async def test_changing_a_service_wants_an_administrator_with_a_fresh_password():
    async with running(tokens=TokenSettings()) as site:
        admin = await site.administrator()
        made = await site.auth.services.create("a")
        site.clock.advance(timedelta(minutes=16))
        assert (await admin.get(SERVICES)).status_code == 200
        for method, path in (
            ("POST", SERVICES),
            ("PATCH", f"{SERVICES}/{made.service.id}"),
            ("DELETE", f"{SERVICES}/{made.service.id}"),
            ("POST", f"{SERVICES}/{made.service.id}/secrets"),
        ):
            answer = await admin.request(method, path, json={"name": "b"})
            assert (answer.status_code, code_of(answer)) == (401, "access.reauthenticate"), path
        await admin.post(f"{API}/reauthenticate", json={"password": PASSWORD})
        assert (await admin.delete(f"{SERVICES}/{made.service.id}")).status_code == 204


async def test_the_metadata_say_what_is_built():
    async with running() as site:
        told = (await site.client().get("/.well-known/oauth-authorization-server/auth")).json()
        assert "client_credentials" in told["grant_types_supported"]
        methods = ["client_secret_basic", "client_secret_post", "private_key_jwt"]
        assert told["token_endpoint_auth_methods_supported"] == ["none", *methods]
        assert told["introspection_endpoint_auth_methods_supported"] == methods
        for endpoint in ("token", "introspection", "revocation"):
            assert told[f"{endpoint}_endpoint_auth_signing_alg_values_supported"] == ["ES256", "EdDSA", "RS256"]
            path = told[f"{endpoint}_endpoint"].removeprefix("https://app.example.com")
            answer = await _post(site, path)
            assert answer.status_code in (400, 401), endpoint


async def _post(site: Site, path: str):
    return await site.client().post(path, data={"grant_type": "client_credentials"})
