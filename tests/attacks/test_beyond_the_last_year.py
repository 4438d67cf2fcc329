"""HT-05, ST-09: somebody names an end for a key that lies after the last instant which the database gives back.

A row that can't be read would hide every key of this person, and of everybody from administrators; and whatever ends
all of them, suspending, marking as compromised, deleting, would break on it: who made it could not be thrown out.
"""

from pathlib import Path

import pytest

from coatcheck.auth import Auth
from tests.machines import new_pair
from tests.site import API, bearer, code_of, running

pytestmark = pytest.mark.anyio

TOO_LATE = (
    "9999-12-31T23:59:59-23:59",
    "9999-12-31T23:59:59.999999-00:01",
    "9999-12-31T23:59:59Z",
    "9999-01-01T00:00:00Z",
)


@pytest.mark.parametrize("expires_at", TOO_LATE)
async def test_no_key_ends_after_the_last_year_and_its_owner_can_be_thrown_out(tmp_path: Path, expires_at: str) -> None:
    async with running(database=f"sqlite:///{tmp_path}/app.db") as site:
        mallory, root = site.client(), await site.administrator()
        body = await site.register(mallory, "mallory@example.com", carry="header")
        mine, user = bearer(body["session_token"]), f"{API}/admin/users/{body['user']['id']}"
        answer = await mallory.post(f"{API}/api-keys", json={"name": "x", "expires_at": expires_at}, headers=mine)
        assert (answer.status_code, code_of(answer)) == (422, "request.invalid")
        just = await mallory.post(
            f"{API}/api-keys", json={"name": "x", "expires_at": "9998-12-31T23:59:59.999999Z"}, headers=mine
        )
        assert just.status_code == 201
        assert (await root.get(f"{API}/admin/api-keys")).status_code == 200
        assert (await root.patch(user, json={"status": "suspended"})).status_code == 200
        assert (await mallory.get(f"{API}/me", headers=mine)).status_code == 401


@pytest.mark.parametrize("form", ["secret", "public key"])
async def test_no_secret_of_a_service_does_either(tmp_path: Path, form: str) -> None:
    async with running(database=f"sqlite:///{tmp_path}/app.db") as site:
        root = await site.administrator()
        made = await site.auth.services.create("worker")
        place = f"{API}/admin/services/{made.service.id}/secrets"
        asked = {"expires_at": TOO_LATE[0]} | ({"public_key": new_pair()[1]} if form == "public key" else {})
        assert (await root.post(place, json=asked)).status_code == 422
        assert await _is_deletable(site.auth, made.service.id)


async def _is_deletable(auth: Auth, service_id: str) -> bool:
    await auth.services.delete(service_id)
    return await auth.services.get(service_id) is None
