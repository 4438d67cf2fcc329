"""Somebody tries to write the audit trail: to do a thing in another's name, to push entries out, or to have it cleared.

LO-03, HT-11 (OWASP ASVS 16.2.1, 16.3.1).
"""

from datetime import timedelta

import pytest

from coatcheck.settings import AttemptSettings, AuditSettings
from coatcheck.upkeep.purge import purge
from coatcheck.web.api.table import table
from tests.site import API, PASSWORD, code_of, running

pytestmark = pytest.mark.anyio

CANARY = "canary-4f1c"


def test_over_http_the_trail_can_only_be_read_and_only_by_administrators():
    found = [endpoint for endpoint in table("/auth") if "audit" in endpoint.path]
    assert [(endpoint.method, endpoint.path, endpoint.needs_administrator) for endpoint in found] == [
        ("GET", "api/admin/audit", True)
    ]


async def test_nobody_says_who_they_are_or_what_came_of_it():
    async with running() as site:
        client = site.client()
        for member in ("actor_id", "user_id", "kind", "outcome", "factors", "at"):
            body = {"email": "ann@example.com", "password": PASSWORD, member: "usr_root"}
            assert code_of(await client.post(f"{API}/register", json=body)) == "request.invalid"
            assert code_of(await client.post(f"{API}/login", json=body)) == "request.invalid"
        assert await site.auth.audit(kind="user.registered") == []


async def test_long_fields_are_cut_and_push_nothing_out_of_its_place():
    async with running() as site:
        agent = "Mozilla/5.0 " + "x" * 5_000 + CANARY
        body = await site.register(site.client(**{"user-agent": agent}), name="n" * 90)
        for entry in await site.auth.audit(user_id=body["user"]["id"]):
            assert len(str(entry.detail)) < 300
            assert CANARY not in str(entry)
            assert entry.actor_id == body["user"]["id"]


async def test_what_a_stranger_typed_is_in_no_entry():
    async with running() as site:
        client = site.client()
        for email, password in ((f"{CANARY}@example.com", PASSWORD), ("ann@example.com", f"{CANARY}{CANARY}")):
            assert (await client.post(f"{API}/login", json={"email": email, "password": password})).status_code == 401
        await site.register(client, "bob@example.com")
        for path, body in (
            ("reauthenticate", {"password": f"{CANARY} is what it was"}),
            ("password", {"current": f"{CANARY} is what it was", "new": f"{CANARY} is what it will be"}),
        ):
            answer = await client.post(f"{API}/{path}", json=body, headers={"origin": "https://app.example.com"})
            assert answer.status_code == 401, answer.text
        entries = await site.auth.audit(limit=100)
        assert {"login.failed", "reauthentication.failed", "password.change_failed"} <= {each.kind for each in entries}
        assert CANARY not in str(entries)


async def test_a_flood_of_refusals_writes_no_more_than_the_limits_allow():
    async with running(attempts=AttemptSettings(per_account=5, per_address=20)) as site:
        await site.auth.create_user("ann@example.com", PASSWORD)
        client = site.client()
        for number in range(120):
            await client.post(f"{API}/login", json={"email": f"ann{number % 30}@example.com", "password": "x" * 20})
        assert len(await site.auth.audit(kind="login.failed", limit=1_000)) == 21


async def test_nothing_that_a_client_asks_clears_the_trail_only_age_does():
    async with running(audit=AuditSettings(keep_for=timedelta(days=30))) as site:
        root = await site.administrator()
        before = await site.auth.audit(limit=100)
        for method in ("DELETE", "POST", "PUT", "PATCH"):
            assert (await root.request(method, f"{API}/admin/audit", json={})).status_code == 405
        for query in ("?until=0001-01-01T00:00:00Z", "?from=9999-12-31T23:59:59Z", "?limit=0", "?keep_for=0s"):
            assert (await root.get(f"{API}/admin/audit{query}")).status_code == 200
        user = await site.auth.create_user("ann@example.com", PASSWORD)
        await site.auth.delete_user(user.id)
        keep_for = site.auth.settings.audit.keep_for
        await purge(site.auth.store, site.clock.now, keep_audit_for=keep_for)
        kept = await site.auth.audit(limit=100)
        assert list(kept[-len(before) :]) == list(before)
        assert "user.deleted" in {entry.kind for entry in kept}

        site.clock.advance(timedelta(days=29))
        await purge(site.auth.store, site.clock.now, keep_audit_for=keep_for)
        assert await site.auth.audit(limit=100) == kept
        site.clock.advance(timedelta(days=2))
        await purge(site.auth.store, site.clock.now, keep_audit_for=keep_for)
        assert await site.auth.audit(limit=100) == []


@pytest.mark.parametrize("value", ["now", "2026-11-21", "2026-11-21T00:00:00", "'; DROP TABLE", "%00", "9" * 400])
async def test_what_is_no_instant_is_refused(value):
    async with running() as site:
        root = await site.administrator()
        for name in ("from", "until"):
            answer = await root.get(f"{API}/admin/audit", params={name: value})
            assert (answer.status_code, code_of(answer)) == (422, "request.invalid"), value


async def test_who_is_no_administrator_reads_nothing_and_is_noted():
    async with running() as site:
        root, ann = await site.administrator(), site.browser()
        body = await site.register(ann)
        for _ in range(4):
            assert (await ann.get(f"{API}/admin/audit")).status_code == 403
        entries = (await root.get(f"{API}/admin/audit?kind=access.denied")).json()["entries"]
        assert [(each["user_id"], each["outcome"], each["detail"]) for each in entries] == [
            (body["user"]["id"], "refused", {"what": "api/admin/audit"})
        ]
