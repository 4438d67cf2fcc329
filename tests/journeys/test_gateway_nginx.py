"""A real nginx, with the configuration in docs/gateways.md, in front of an application that knows nothing of logins."""

import base64
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from coatcheck.web.api.check import IDENTITY
from tests.nginx import Gateway, gateway
from tests.serving import free_port

PAGE = {"accept": "text/html,application/xhtml+xml", "sec-fetch-site": "none", "sec-fetch-mode": "navigate"}
CROSS_SITE = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("nginx")) as running:
        yield running


def cookies_of(browser: httpx2.Client) -> dict[str, str]:
    """A header line that says all that the browser would send."""
    return {"cookie": "; ".join(f"{each.name}={each.value}" for each in browser.cookies.jar)}


def user_id(nginx: Gateway, email: str) -> str:
    (user,) = nginx.coatcheck.run(nginx.coatcheck.auth.find_users(query=email))
    return user.id


def test_whoever_is_logged_in_reaches_the_application_which_verifies_the_token_it_gets(nginx: Gateway) -> None:
    with nginx.browser("ann@example.com") as ann:
        answer = ann.get("/orders?of=today")
        assert answer.status_code == 200
        assert answer.json()["sub"] == user_id(nginx, "ann@example.com")
        headers, _ = nginx.upstream.seen[-1]
        assert headers["authorization"].startswith("Bearer ey")
        assert "cookie" not in headers


def test_a_program_with_a_token_reaches_it_too_and_its_own_token_does_not(nginx: Gateway) -> None:
    with nginx.client() as phone:
        body = {"email": "phone@example.com", "password": "three quiet herons wade", "carry": "tokens"}
        held = phone.post("/auth/api/register", json=body).json()["access_token"]
        answer = phone.delete("/orders/7", headers={"authorization": f"Bearer {held}"})
        assert answer.json()["sub"] == user_id(nginx, "phone@example.com")
        assert held not in nginx.upstream.seen[-1][0]["authorization"]


def test_a_stranger_is_told_401_and_a_strangers_browser_goes_to_the_login(nginx: Gateway) -> None:
    reached = nginx.reached()
    with nginx.client() as stranger:
        answer = stranger.get("/orders")
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        answer = stranger.get("/orders", headers=PAGE)
        assert (answer.status_code, answer.headers["location"]) == (303, "/auth/login?return_to=/orders")
        assert stranger.get(answer.headers["location"], headers=PAGE).status_code == 200
    assert nginx.reached() == reached


def test_what_a_client_says_of_itself_never_arrives(nginx: Gateway) -> None:
    forged = dict.fromkeys(IDENTITY, "root") | {"X_Auth_User": "root", "authorization": "Basic cm9vdDpyb290"}
    with nginx.browser("mallory@example.com") as mallory:
        assert mallory.get("/orders", headers=forged).json()["sub"] == user_id(nginx, "mallory@example.com")
        headers, _ = nginx.upstream.seen[-1]
        assert [name for name in headers if name.replace("_", "-").startswith("x-auth-")] == []
        assert "root" not in headers.values()
        assert headers["authorization"].startswith("Bearer ey")


def test_another_sites_post_with_the_victims_cookie_is_refused_and_ones_own_arrives_whole(nginx: Gateway) -> None:
    with nginx.browser("bob@example.com") as bob, nginx.client(**cookies_of(bob)) as victim:
        reached = nginx.reached()
        for more in ({}, {"x-forwarded-method": "GET"}, {"x-http-method-override": "GET"}):
            assert victim.post("/orders", data={"buy": "all"}, headers={**CROSS_SITE, **more}).status_code == 403
        assert victim.post("/orders", data={"buy": "all"}).status_code == 403
        assert nginx.reached() == reached
        assert bob.post("/orders", data={"buy": "one"}).status_code == 200
        assert nginx.upstream.seen[-1][1] == b"buy=one"


def test_what_was_ended_is_refused_on_the_next_request(nginx: Gateway) -> None:
    auth, run = nginx.coatcheck.auth, nginx.coatcheck.run
    with nginx.browser("carol@example.com") as carol:
        who = user_id(nginx, "carol@example.com")
        assert carol.get("/orders").json()["roles"] == []
        run(auth.set_roles(who, ("clerk",)))
        assert carol.get("/orders").json()["roles"] == ["clerk"]
        run(auth.logout_everywhere(who))
        answer = carol.get("/orders")
        assert answer.status_code == 401
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_a_websocket_opens_for_ones_own_page_and_for_nobody_else(nginx: Gateway) -> None:
    with nginx.browser("erin@example.com") as erin:
        own = {"origin": nginx.url, **cookies_of(erin)}
        assert _upgrade(nginx, own) == (101, user_id(nginx, "erin@example.com"))
        reached = nginx.reached()
        assert _upgrade(nginx, {**own, "origin": "https://evil.example"})[0] == 403
        assert _upgrade(nginx, cookies_of(erin))[0] == 403
        assert _upgrade(nginx, {"origin": nginx.url})[0] == 401
        assert nginx.reached() == reached


def test_nobody_outside_may_ask_the_gateways_question(nginx: Gateway) -> None:
    with nginx.browser("frank@example.com") as frank:
        for path in ("/check", "/auth/api/check", "/auth/api/check?audience=orders"):
            assert frank.get(path).status_code == 404


def test_without_an_answer_nobody_gets_through(tmp_path: Path) -> None:
    with gateway(tmp_path, asks=f"127.0.0.1:{free_port()}") as alone, alone.client() as client:
        for path in ("/orders", "/auth/login"):
            assert client.get(path, headers={"authorization": "Bearer ccs_anything"}).status_code in (500, 502)
        assert alone.reached() == 0


def _upgrade(nginx: Gateway, headers: dict[str, str]) -> tuple[int, str]:
    """Ask for a WebSocket; returns the status and whom the application greets in its first message."""
    lines = [
        "GET /live HTTP/1.1",
        f"Host: localhost:{nginx.port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {base64.b64encode(bytes(16)).decode()}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    with (
        socket.create_connection(("127.0.0.1", nginx.port), timeout=10) as plain,
        nginx.trusted.wrap_socket(plain, server_hostname="localhost") as connection,
        connection.makefile("rwb") as stream,
    ):
        stream.write("\r\n".join([*lines, "", ""]).encode())
        stream.flush()
        status = int(stream.readline().split()[1])
        while stream.readline().strip():
            pass
        if status != 101:
            return status, ""
        opcode, length = stream.read(2)
        assert (opcode, length) == (0x81, 0x7E)
        message = stream.read(int.from_bytes(stream.read(2)))
        return status, message.decode().partition('"sub": "')[2].partition('"')[0]
