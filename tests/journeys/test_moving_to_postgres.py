"""An installation moves from SQLite to PostgreSQL, and nobody notices but the operator."""

import http.client
import json
import logging
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import psycopg
import pytest

from coatcheck.errors import AuthError
from coatcheck.verify import Verifier
from tests.serving import PASSWORD, Serving, coatcheck

SECRET = "for-this-test-only-long-and-varied-enough-8fk2lq0x"


class Moving(Serving):
    """A server that looks for its subscribers where they are."""

    def registered(self) -> list[str]:
        url = self.environment["COATCHECK_DATABASE_URL"]
        if not url.startswith("postgresql"):
            return super().registered()
        try:
            with psycopg.connect(url) as raw:
                return [name for (name,) in raw.execute("SELECT name FROM coatcheck_registrations")]
        except psycopg.Error:
            return []

    def run(self, *words: str) -> str:
        """One command of the same installation."""
        done = subprocess.run(
            coatcheck(*words), env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


class Browser:
    """What a browser does: it keeps the cookie, and says where it comes from."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._cookies: dict[str, str] = {}

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
        """One request."""
        connection = http.client.HTTPConnection(self._serving.host, self._serving.port, timeout=15)
        headers = {
            "Content-Type": "application/json",
            "Origin": self._serving.environment["COATCHECK_URL"],
            "Sec-Fetch-Site": "same-origin",
            "Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items()),
        }
        connection.request(method, f"/auth/api/{path}", None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        text = response.read()
        for cookie in response.headers.get_all("set-cookie", []):
            name, _, value = cookie.partition(";")[0].partition("=")
            self._cookies[name] = value
        connection.close()
        return response.status, json.loads(text) if text else {}


class Refreshed(NamedTuple):
    """What a refresh gave."""

    status: int | None
    access: str
    refresh: str


def refresh(serving: Serving, token: str) -> Refreshed:
    """Use a refresh token."""
    form = urlencode({"grant_type": "refresh_token", "refresh_token": token})
    answer = serving.call("POST", "token", form)
    return Refreshed(answer.status, answer.body.get("access_token", ""), answer.body.get("refresh_token", ""))


def refusal(verifier: Verifier, token: str) -> str:
    """Why a service refuses; "" where it accepts."""
    try:
        verifier.check(token)
    except AuthError as refused:
        return refused.code
    return ""


def until(is_so: Callable[[], bool]) -> None:
    """Wait for it."""
    gives_up = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < gives_up
        time.sleep(0.05)


@contextmanager
def moving(folder: Path) -> Iterator[Moving]:
    secret = folder / "secret"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    serving = Moving(
        folder,
        workers=1,
        COATCHECK_SECRETS_FILE=str(secret),
        COATCHECK_REVOCATION_LEASE="2s",
        COATCHECK_SESSIONS_GRACE="0s",
        COATCHECK_TOKENS_AUDIENCES="orders",
        COATCHECK_TOKENS_API_KEY_SCOPES="orders:read",
    )
    serving.environment["COATCHECK_URL"] = f"http://localhost:{serving.port}"
    with serving:
        yield serving


def test_nobody_is_logged_out_and_nothing_that_was_ended_comes_back(
    tmp_path: Path, postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "coatcheck")
    with moving(tmp_path) as serving:
        service = serving.run("services", "add", "orders", "--audience", "orders", "--feed").split()[-1]
        browser = Browser(serving)
        assert browser.ask("POST", "register", {"email": "ann@example.com", "password": PASSWORD})[0] == 201
        session = browser.ask("GET", "me")[1]
        made = browser.ask("POST", "api-keys", {"name": "nightly", "scopes": ["orders:read"]})
        assert made[0] == 201, made
        key = made[1]["secret"]
        jwt = serving.log_in("ann@example.com", carry="tokens", audience="orders").body
        used = serving.log_in("ann@example.com", carry="tokens").body["refresh_token"]
        rotated = refresh(serving, used)
        assert rotated.status == 200
        ended = serving.log_in("ann@example.com", carry="tokens", audience="orders").body
        over = serving.log_in("ann@example.com", carry="header").body["session_token"]
        address = serving.environment["COATCHECK_URL"]
        with Verifier(f"http://127.0.0.1:{serving.port}", audience="orders", credential=service,
                      issuer=f"{address}/auth") as verifier:  # fmt: skip
            until(lambda: refusal(verifier, jwt["access_token"]) == "")
            for token in (ended["access_token"], over):
                assert serving.call("POST", "logout?wait=true", {"scope": "this"}, token=token).status == 200
            assert refusal(verifier, ended["access_token"]) == "session.ended"
            assert serving.stop() == 0
            followed = verifier.state.position or ""

            said = serving.run("copy", f"sqlite:///{serving.database}", postgres_url)
            assert "The secret opens the signing keys." in said
            caplog.clear()
            serving.environment["COATCHECK_DATABASE_URL"] = postgres_url
            serving.start()

            assert browser.ask("GET", "me") == (200, session)
            assert serving.call("GET", "check", token=key).status == 204
            until(lambda: refusal(verifier, jwt["access_token"]) == "")
            assert refusal(verifier, ended["access_token"]) == "session.ended"
            for token in (ended["access_token"], over):
                assert serving.me(token).status == 401
            assert refresh(serving, ended["refresh_token"]).status == 400
            fresh = refresh(serving, jwt["refresh_token"])
            assert fresh.status == 200
            assert refusal(verifier, fresh.access) == ""

            assert serving.call("POST", "logout?wait=true", {"scope": "this"}, token=fresh.access).body["receipt"]
            assert refusal(verifier, fresh.access) == "session.ended"
            now = verifier.state.position or ""
            assert now.partition(".")[0] == followed.partition(".")[0] != "", "the same epoch"
            assert "history" not in caplog.text, "a service elsewhere goes on without an alarm"

            assert refresh(serving, used).status == 400, "what was used before the copy is used once more"
            assert refresh(serving, rotated.refresh).status == 400, "its family has ended"
            assert "refresh.replayed" in serving.run("audit", "list", "--json")
            assert serving.log_in("ann@example.com", carry="header").status == 200
