"""One person's whole story over HTTP, with each thing that a client may hold."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

from tests.databases import EVERYWHERE
from tests.server import Server, serving
from tests.site import API, PASSWORD, bearer, code_of

pytestmark = [*EVERYWHERE]


@pytest.fixture
def server(database: None) -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[httpx2.Client]:
    """A browser with one of our pages open; what it does not need, it ignores."""
    with httpx2.Client(base_url=server.auth.settings.origin, headers={"sec-fetch-site": "same-origin"}) as made:
        yield made


def _by_cookie(_: dict[str, Any]) -> dict[str, str]:
    return {}


def _by_session_token(answer: dict[str, Any]) -> dict[str, str]:
    return bearer(answer["session_token"])


def _by_access_token(answer: dict[str, Any]) -> dict[str, str]:
    return bearer(answer["access_token"])


@pytest.mark.parametrize(
    ("carry", "headers_of"),
    [
        ("cookie", _by_cookie),
        ("header", _by_session_token),
        ("tokens", _by_access_token),
        ("page", _by_access_token),
        ("jwt-cookie", _by_cookie),
    ],
)
def test_from_registering_to_logging_out(
    client: httpx2.Client, server: Server, carry: str, headers_of: Callable[[dict[str, Any]], dict[str, str]]
):
    email = f"{carry}@example.com"
    registered = client.post(f"{API}/register", json={"email": email, "password": PASSWORD, "carry": carry})
    assert registered.status_code == 201
    own = headers_of(registered.json())
    assert client.get(f"{API}/me", headers=own).json()["user"]["email"] == email

    with httpx2.Client(base_url=server.url) as elsewhere:
        there = elsewhere.post(f"{API}/login", json={"email": email, "password": PASSWORD, "carry": "tokens"}).json()
        listed = client.get(f"{API}/sessions", headers=own).json()["sessions"]
        assert [each["current"] for each in listed].count(True) == 1
        assert len(listed) == 2
        ended = client.delete(f"{API}/sessions/{there['session']['id']}?wait=true", headers=own)
        assert ended.json()["receipt"]["waited_out"] == 0
        assert code_of(elsewhere.get(f"{API}/me", headers=bearer(there["access_token"]))) == "session.ended"
        refresh = {"grant_type": "refresh_token", "refresh_token": there["refresh_token"]}
        assert elsewhere.post(f"{API}/token", data=refresh).json()["code"] == "session.ended"

    fresh = client.post(f"{API}/reauthenticate", json={"password": PASSWORD}, headers=own)
    assert fresh.status_code == 200
    old, own = own, headers_of(fresh.json())
    assert client.get(f"{API}/me", headers=own).status_code == 200
    assert not old or client.get(f"{API}/me", headers=old).status_code == 401

    held = [f"{cookie.name}={cookie.value}" for cookie in client.cookies.jar if not cookie.name.endswith("-device")]
    receipt = client.post(f"{API}/logout?wait=true", headers=own).json()["receipt"]
    assert receipt["confirmed"] == 1
    assert client.get(f"{API}/me", headers=own).status_code == 401
    with httpx2.Client(base_url=server.url, headers={"cookie": "; ".join(held), **own}) as thief:
        assert thief.get(f"{API}/me").status_code == 401
        assert thief.post(f"{API}/token", data={"grant_type": "refresh_token"}).status_code in (400, 403)
