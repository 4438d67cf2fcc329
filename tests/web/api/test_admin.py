"""Administration over HTTP."""

from datetime import timedelta

import pytest

from coatcheck.model.user import ADMINISTRATOR
from tests.site import API, PASSWORD, bearer, code_of, running

pytestmark = pytest.mark.anyio


async def test_users_are_listed_page_by_page():
    async with running() as site:
        root = await site.administrator()
        for number in range(60):
            await site.auth.create_user(f"user{number}@example.com")
        first = (await root.get(f"{API}/admin/users")).json()
        second = (await root.get(f"{API}/admin/users", params={"cursor": first["next_cursor"]})).json()
        assert (len(first["users"]), len(second["users"]), second["next_cursor"]) == (50, 11, None)
        assert len({user["id"] for user in first["users"] + second["users"]}) == 61


async def test_users_are_found_by_a_part_of_their_address_and_filtered_by_status():
    async with running() as site:
        root = await site.administrator()
        ann = await site.auth.create_user("ann@example.com")
        await site.auth.create_user("bob@example.com")
        await site.auth.suspend(ann.id)
        found = (await root.post(f"{API}/admin/users/search", json={"query": "ann@"})).json()
        assert [user["email"] for user in found["users"]] == ["ann@example.com"]
        suspended = (await root.get(f"{API}/admin/users?status=suspended")).json()
        assert [user["id"] for user in suspended["users"]] == [ann.id]
        both = await root.post(f"{API}/admin/users/search?status=active", json={"query": "ann@"})
        assert both.json() == {"users": [], "next_cursor": None}
        assert code_of(await root.get(f"{API}/admin/users?status=odd")) == "request.invalid"


async def test_an_account_is_made_shown_changed_and_deleted():
    async with running() as site:
        root = await site.administrator()
        made = await root.post(
            f"{API}/admin/users", json={"email": "ann@example.com", "password": PASSWORD, "roles": ["editor"]}
        )
        assert made.status_code == 201
        user = made.json()["user"]
        assert (await root.get(f"{API}/admin/users/{user['id']}")).json() == {"user": user}
        changed = await root.patch(
            f"{API}/admin/users/{user['id']}?wait=true", json={"roles": ["writer", "editor"], "status": "suspended"}
        )
        assert changed.json()["user"] == user | {"roles": ["editor", "writer"], "status": "suspended"}
        assert changed.json()["receipt"]["subscribers"] == {
            "confirmed": ["this test"],
            "waited_out": [],
            "unbound": [],
        }
        assert (await root.delete(f"{API}/admin/users/{user['id']}")).status_code == 204
        assert code_of(await root.get(f"{API}/admin/users/{user['id']}")) == "request.not_found"


async def test_an_account_without_a_password_opens_to_nobody():
    async with running() as site:
        root = await site.administrator()
        assert (await root.post(f"{API}/admin/users", json={"email": "ann@example.com"})).status_code == 201
        answer = await site.client().post(f"{API}/login", json={"email": "ann@example.com", "password": PASSWORD})
        assert code_of(answer) == "login.refused"


async def test_a_suspension_ends_every_session_and_is_told_only_after_the_right_password():
    async with running() as site:
        root, phone = await site.administrator(), site.client()
        body = await site.register(phone, carry="tokens")
        path = f"{API}/admin/users/{body['user']['id']}"
        assert (await root.patch(path, json={"status": "suspended"})).status_code == 200
        assert code_of(await phone.get(f"{API}/me", headers=bearer(body["access_token"]))) == "session.ended"
        right = await phone.post(f"{API}/login", json={"email": "ann@example.com", "password": PASSWORD})
        wrong = await phone.post(f"{API}/login", json={"email": "ann@example.com", "password": "something else"})
        assert (right.status_code, code_of(right), code_of(wrong)) == (403, "user.suspended", "login.refused")
        assert (await root.patch(path, json={"status": "active"})).status_code == 200
        assert (await phone.post(f"{API}/login", json={"email": "ann@example.com", "password": PASSWORD})).is_success


async def test_a_change_of_roles_outdates_a_jwt_and_not_a_cookie():
    async with running() as site:
        root, browser, phone = await site.administrator(), site.browser(), site.client()
        await site.register(browser)
        there = await site.log_in(phone, carry="tokens")
        await root.patch(f"{API}/admin/users/{there['user']['id']}", json={"roles": ["editor"]})
        assert code_of(await phone.get(f"{API}/me", headers=bearer(there["access_token"]))) == "token.outdated"
        assert (await browser.get(f"{API}/me")).json()["user"]["roles"] == ["editor"]
        fresh = await phone.post(
            f"{API}/token", data={"grant_type": "refresh_token", "refresh_token": there["refresh_token"]}
        )
        me = await phone.get(f"{API}/me", headers=bearer(fresh.json()["access_token"]))
        assert me.json()["user"]["roles"] == ["editor"]


async def test_a_persons_sessions_are_seen_and_ended_one_by_one_or_all():
    async with running() as site:
        root, phone = await site.administrator(), site.client()
        first = await site.register(phone, carry="tokens")
        second = await site.log_in(phone, carry="tokens")
        third = await site.log_in(phone, carry="tokens")
        path = f"{API}/admin/users/{first['user']['id']}/sessions"
        listed = (await root.get(path)).json()["sessions"]
        assert {each["id"] for each in listed} == {each["session"]["id"] for each in (first, second, third)}
        assert not any(each["current"] for each in listed)
        assert (await root.delete(f"{path}/{first['session']['id']}")).status_code == 204
        assert code_of(await phone.get(f"{API}/me", headers=bearer(first["access_token"]))) == "session.ended"
        assert (await phone.get(f"{API}/me", headers=bearer(second["access_token"]))).status_code == 200
        receipt = (await root.delete(f"{path}?wait=true")).json()["receipt"]
        assert receipt["subscribers"]["confirmed"] == ["this test"]
        assert code_of(await phone.get(f"{API}/me", headers=bearer(second["access_token"]))) == "session.ended"
        assert (await root.get(path)).json() == {"sessions": []}


async def test_a_session_is_ended_only_under_its_own_user():
    async with running() as site:
        root = await site.administrator()
        ann = await site.register(site.client(), carry="header")
        bob = await site.register(site.client(), "bob@example.com", carry="header")
        path = f"{API}/admin/users/{bob['user']['id']}/sessions/{ann['session']['id']}"
        assert code_of(await root.delete(path)) == "request.not_found"


async def test_a_compromised_account_loses_sessions_and_password():
    async with running() as site:
        root, phone = await site.administrator(), site.client()
        body = await site.register(phone, carry="tokens")
        answer = await root.post(
            f"{API}/admin/users/{body['user']['id']}/compromised?wait=true", json={"reason": "phished"}
        )
        assert set(answer.json()) == {"receipt"}
        assert code_of(await phone.get(f"{API}/me", headers=bearer(body["access_token"]))) == "session.ended"
        again = await phone.post(f"{API}/login", json={"email": "ann@example.com", "password": PASSWORD})
        assert code_of(again) == "login.refused"


async def test_ending_everything_logs_out_everybody_and_the_caller_too():
    async with running() as site:
        root, phone, browser = await site.administrator(), site.client(), site.browser()
        body = await site.register(phone, carry="tokens")
        await site.log_in(browser)
        answer = await root.post(f"{API}/admin/end-everything?wait=true", json={"reason": "database leaked"})
        assert answer.json()["receipt"]["confirmed"] == 1
        assert code_of(await phone.get(f"{API}/me", headers=bearer(body["access_token"]))) == "token.revoked"
        assert code_of(await browser.get(f"{API}/me")) == "session.ended"
        assert code_of(await root.get(f"{API}/me")) == "session.ended"
        await site.log_in(browser)
        assert (await browser.get(f"{API}/me")).status_code == 200


async def test_keys_are_listed_rotated_and_revoked():
    async with running() as site:
        root, phone = await site.administrator(), site.client()
        body = await site.register(phone, carry="tokens")
        keys = (await root.get(f"{API}/admin/keys")).json()["keys"]
        keys.sort(key=lambda key: str(key["status"]))
        assert [key["status"] for key in keys] == ["current", "upcoming"]
        assert set(keys[0]) == {"kid", "algorithm", "status", "created_at", "usable_from", "status_since"}
        site.clock.advance(timedelta(minutes=1))
        answer = (await root.post(f"{API}/admin/keys/rotate?wait=true")).json()
        assert answer["receipt"]["confirmed"] == 1
        rotated = answer["keys"]
        statuses = {key["kid"]: key["status"] for key in rotated}
        assert (statuses.pop(keys[0]["kid"]), statuses.pop(keys[1]["kid"])) == ("retired", "current")
        assert list(statuses.values()) == ["upcoming"]
        assert (await phone.get(f"{API}/me", headers=bearer(body["access_token"]))).status_code == 200
        revoked = await root.delete(f"{API}/admin/keys/{keys[0]['kid']}?wait=true")
        assert revoked.json()["receipt"]["confirmed"] == 1
        assert code_of(await phone.get(f"{API}/me", headers=bearer(body["access_token"]))) == "token.invalid"
        assert (await root.delete(f"{API}/admin/keys/{keys[0]['kid']}")).status_code == 204
        assert code_of(await root.delete(f"{API}/admin/keys/key_nobody")) == "request.not_found"


async def test_subscribers_are_shown_by_name():
    async with running() as site:
        root = await site.administrator()
        subscribers = (await root.get(f"{API}/admin/subscribers")).json()["subscribers"]
        assert [(each["name"], each["lapsed_at"]) for each in subscribers] == [("this test", None)]


async def test_the_audit_trail_is_read_by_user_and_kind_page_by_page():
    async with running() as site:
        root, phone = await site.administrator(), site.client()
        body = await site.register(phone, carry="header")
        for _ in range(51):
            await site.log_in(phone, carry="header")
        query = {"user": body["user"]["id"], "kind": "login.succeeded"}
        first = (await root.get(f"{API}/admin/audit", params=query)).json()
        rest = (await root.get(f"{API}/admin/audit", params=query | {"cursor": first["next_cursor"]})).json()
        assert (len(first["entries"]), len(rest["entries"]), rest["next_cursor"]) == (50, 1, None)
        assert {entry["kind"] for entry in first["entries"]} == {"login.succeeded"}
        assert {entry["address"] for entry in first["entries"]} == {"203.0.113.7"}


@pytest.mark.parametrize("instant", ["0.5", "1767225600", "2026-01-01"])
async def test_an_instant_is_asked_for_as_the_document_says(instant: str):
    async with running() as site:
        root = await site.administrator()
        refused = await root.get(f"{API}/admin/audit", params={"until": instant})
        assert (refused.status_code, code_of(refused)) == (422, "request.invalid")


async def test_who_does_something_is_in_the_audit_trail():
    async with running() as site:
        root = await site.administrator()
        made = (await root.post(f"{API}/admin/users", json={"email": "ann@example.com"})).json()["user"]
        me = (await root.get(f"{API}/me")).json()["user"]
        site.clock.advance(timedelta(seconds=1))
        await root.post(f"{API}/admin/users/{made['id']}/compromised", json={"reason": "phished"})
        entries = (await root.get(f"{API}/admin/audit", params={"user": made["id"]})).json()["entries"]
        assert [(entry["kind"], entry["actor_id"]) for entry in entries] == [
            ("user.compromised", me["id"]),
            ("user.registered", me["id"]),
        ]
        assert entries[0]["detail"] == {"reason": "phished"}


async def test_the_last_administrator_stays():
    async with running() as site:
        root = await site.administrator()
        own = f"{API}/admin/users/{(await root.get(f'{API}/me')).json()['user']['id']}"
        for answer in (
            await root.delete(own),
            await root.patch(own, json={"roles": []}),
            await root.patch(own, json={"roles": [ADMINISTRATOR, "more"], "status": "suspended"}),
        ):
            assert (answer.status_code, code_of(answer)) == (409, "data.conflict")
        assert (await root.get(own)).json()["user"]["roles"] == [ADMINISTRATOR]
        await site.auth.create_user("second@example.com", roles=(ADMINISTRATOR,))
        assert (await root.patch(own, json={"roles": []})).status_code == 200
        assert code_of(await root.get(own)) == "access.denied"


async def test_changing_something_takes_a_recent_proof_and_looking_does_not():
    async with running() as site:
        root = await site.administrator()
        site.clock.advance(timedelta(minutes=16))
        refused = await root.post(f"{API}/admin/users", json={"email": "ann@example.com"})
        assert (refused.status_code, code_of(refused)) == (401, "access.reauthenticate")
        assert 'error="insufficient_user_authentication"' in refused.headers["www-authenticate"]
        assert refused.json()["max_age"] == 900
        assert (await root.get(f"{API}/admin/users")).status_code == 200
        await root.post(f"{API}/reauthenticate", json={"password": PASSWORD})
        assert (await root.post(f"{API}/admin/users", json={"email": "ann@example.com"})).status_code == 201
