"""What one request ends or changes holds for every other client with its next request."""

from collections.abc import Iterator
from datetime import timedelta

import httpx2
import pytest

from coatcheck.model.user import ADMINISTRATOR
from coatcheck.settings import RevocationSettings
from tests.databases import EVERYWHERE
from tests.server import Server, serving
from tests.site import API, PASSWORD, bearer, code_of

pytestmark = [*EVERYWHERE]


@pytest.fixture
def server(database: None) -> Iterator[Server]:
    with serving(revocation=RevocationSettings(lease=timedelta(seconds=2))) as running:
        yield running


@pytest.fixture
def browser(server: Server) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=server.auth.settings.origin, headers={"sec-fetch-site": "same-origin"}) as made:
        yield made


@pytest.fixture
def phone(server: Server) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=server.url) as made:
        yield made


@pytest.fixture
def root(server: Server) -> Iterator[httpx2.Client]:
    """An administrator's command line."""
    server.run(server.auth.create_user("root@example.com", PASSWORD, roles=(ADMINISTRATOR,)))
    with httpx2.Client(base_url=server.url) as made:
        login = {"email": "root@example.com", "password": PASSWORD, "carry": "header"}
        made.headers.update(bearer(made.post(f"{API}/login", json=login).json()["session_token"]))
        yield made


def _register(client: httpx2.Client, carry: str) -> dict[str, str]:
    answer = client.post(f"{API}/register", json={"email": "ann@example.com", "password": PASSWORD, "carry": carry})
    assert answer.status_code == 201
    return answer.json()


def _log_in(client: httpx2.Client, carry: str) -> dict[str, str]:
    answer = client.post(f"{API}/login", json={"email": "ann@example.com", "password": PASSWORD, "carry": carry})
    assert answer.status_code == 200
    return answer.json()


def test_a_jwt_client_is_refused_after_the_device_list_ended_its_session(browser: httpx2.Client, phone: httpx2.Client):
    _register(browser, "cookie")
    there = _log_in(phone, "tokens")
    phone.headers.update(bearer(there["access_token"]))
    assert phone.get(f"{API}/me").status_code == 200
    other = next(each for each in browser.get(f"{API}/sessions").json()["sessions"] if not each["current"])
    assert browser.delete(f"{API}/sessions/{other['id']}").status_code == 204
    assert code_of(phone.get(f"{API}/me")) == "session.ended"


def test_a_jwt_client_is_refused_after_the_account_page_ended_its_session(browser: httpx2.Client, phone: httpx2.Client):
    _register(browser, "cookie")
    there = _log_in(phone, "tokens")
    phone.headers.update(bearer(there["access_token"]))
    assert phone.get(f"{API}/me").status_code == 200
    ended = browser.post(f"/auth/sessions/{there['session']['id']}/end")
    assert ended.status_code in (200, 303)
    assert code_of(phone.get(f"{API}/me")) == "session.ended"


def test_a_new_password_ends_every_other_session(browser: httpx2.Client, phone: httpx2.Client):
    _register(browser, "cookie")
    there = _log_in(phone, "page")
    changed = browser.post(f"{API}/password", json={"current": PASSWORD, "new": "four loud geese cross"})
    assert changed.status_code == 200
    assert browser.get(f"{API}/me").status_code == 200
    assert code_of(phone.get(f"{API}/me", headers=bearer(there["access_token"]))) == "session.ended"
    refused = phone.post(f"{API}/token", data={"grant_type": "refresh_token"}, headers={"sec-fetch-site": "none"})
    assert refused.json()["code"] == "session.ended"
    old = {"email": "ann@example.com", "password": PASSWORD}
    assert code_of(phone.post(f"{API}/login", json=old)) == "login.refused"


def test_a_new_role_outdates_a_jwt_until_it_is_refreshed_and_logs_no_cookie_out(
    browser: httpx2.Client, phone: httpx2.Client, root: httpx2.Client
):
    ann = _register(browser, "cookie")
    there = _log_in(phone, "tokens")
    path = f"{API}/admin/users/{ann['user']['id']}"  # type: ignore[index]
    assert root.patch(f"{path}?wait=true", json={"roles": ["editor"]}).json()["receipt"]["confirmed"] == 1
    assert code_of(phone.get(f"{API}/me", headers=bearer(there["access_token"]))) == "token.outdated"
    refresh = {"grant_type": "refresh_token", "refresh_token": there["refresh_token"]}
    fresh = phone.post(f"{API}/token", data=refresh).json()
    for client, headers in ((phone, bearer(fresh["access_token"])), (browser, {})):
        assert client.get(f"{API}/me", headers=headers).json()["user"]["roles"] == ["editor"]


def test_a_suspension_takes_effect_with_the_next_request(
    browser: httpx2.Client, phone: httpx2.Client, root: httpx2.Client
):
    ann = _register(browser, "cookie")
    there = _log_in(phone, "tokens")
    path = f"{API}/admin/users/{ann['user']['id']}"  # type: ignore[index]
    assert root.patch(path, json={"status": "suspended"}).status_code == 200
    assert code_of(browser.get(f"{API}/me")) == "session.ended"
    assert code_of(phone.get(f"{API}/me", headers=bearer(there["access_token"]))) == "session.ended"
    right = {"email": "ann@example.com", "password": PASSWORD}
    assert code_of(phone.post(f"{API}/login", json=right)) == "user.suspended"


def test_ending_everything_leaves_nobody_logged_in_and_anybody_may_come_back(
    browser: httpx2.Client, phone: httpx2.Client, root: httpx2.Client
):
    _register(browser, "cookie")
    there = _log_in(phone, "tokens")
    receipt = root.post(f"{API}/admin/end-everything?wait=true", json={"reason": "a drill"}).json()["receipt"]
    assert (receipt["confirmed"], receipt["waited_out"]) == (1, 0)
    assert code_of(browser.get(f"{API}/me")) == "session.ended"
    assert code_of(phone.get(f"{API}/me", headers=bearer(there["access_token"]))) == "token.revoked"
    assert code_of(root.get(f"{API}/me")) == "session.ended"
    refresh = {"grant_type": "refresh_token", "refresh_token": there["refresh_token"]}
    assert phone.post(f"{API}/token", data=refresh).json()["code"] == "session.ended"
    again = _log_in(phone, "tokens")
    assert phone.get(f"{API}/me", headers=bearer(again["access_token"])).status_code == 200
