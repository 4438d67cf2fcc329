"""A request is begun while one may, and its body held back until one may no more.

SE-08, SE-09, ST-06, HT-01: what a request asks for is decided when it has been read, not when it began to arrive.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from coatcheck.model.user import ADMINISTRATOR
from tests.site import API, PASSWORD, Site, code_of, running

pytestmark = pytest.mark.anyio

Deed = Callable[[Site, str, str], Awaitable[object]]


async def _log_out(site: Site, user_id: str, session_id: str) -> object:
    return await site.auth.end_session(user_id, session_id, wait=True)


async def _suspend(site: Site, user_id: str, _: str) -> object:
    return await site.auth.suspend(user_id, wait=True)


async def _demote(site: Site, user_id: str, _: str) -> object:
    return await site.auth.set_roles(user_id, (), wait=True)


async def _end_everything(site: Site, _: str, __: str) -> object:
    return await site.auth.end_everything(reason="a test", wait=True)


async def _held_back(body: dict[str, Any], meanwhile: Callable[[], Awaitable[object]]) -> AsyncIterator[bytes]:
    whole = json.dumps(body).encode()
    yield whole[:10]
    await meanwhile()
    yield whole[10:]


@pytest.mark.parametrize(
    ("deed", "code"),
    [
        (_log_out, "session.ended"),
        (_suspend, "session.ended"),
        (_demote, "access.denied"),
        (_end_everything, "session.ended"),
    ],
)
@pytest.mark.parametrize("carry", ["cookie", "header"])
async def test_an_administrator_who_was_removed_meanwhile_changes_nothing(deed: Deed, code: str, carry: str):
    async with running() as site:
        await site.administrator("second@example.com")
        mallory = await site.auth.create_user("mallory@example.com", PASSWORD, roles=(ADMINISTRATOR,))
        client = site.browser()
        login = await site.log_in(client, "mallory@example.com", carry=carry)
        headers = {"content-type": "application/json"}
        if "session_token" in login:
            headers["authorization"] = f"Bearer {login['session_token']}"
        backdoor = {"email": "backdoor@example.com", "password": PASSWORD, "roles": [ADMINISTRATOR]}
        refused = await client.post(
            f"{API}/admin/users",
            content=_held_back(backdoor, lambda: deed(site, mallory.id, login["session"]["id"])),
            headers=headers,
        )
        assert code_of(refused) == code
        assert [user.email for user in await site.auth.find_users(query="backdoor")] == []


async def test_a_name_is_not_changed_after_the_logout():
    async with running() as site:
        browser = site.browser()
        body = await site.register(browser)
        refused = await browser.patch(
            f"{API}/me",
            content=_held_back(
                {"name": "Somebody else"}, lambda: _log_out(site, body["user"]["id"], body["session"]["id"])
            ),
            headers={"content-type": "application/json"},
        )
        assert code_of(refused) == "session.ended"
        assert (await site.auth.require_user(body["user"]["id"])).name == ""
