"""What a server logs while everything is done with it that can go wrong is searched for the secrets that were sent.

LO-02, LG-24: passwords, tokens, keys and e-mails, right and wrong ones, well formed and not, in text and in JSON.
"""

import json
import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.people import wait_until
from tests.journeys.raw import raw_request
from tests.serving import PASSWORD, Serving, command_line

pytestmark = pytest.mark.xdist_group("workers")
CANARY = "canary7f3k"
CUT_OFF = "Revocations can't be followed"
KILLED = "was killed (SIGKILL)"


def drive(serving: Serving) -> list[str]:
    """Every kind of request with something secret in it; return the secrets."""
    email = f"{CANARY}@example.com"
    held = serving.register(email, carry="tokens", name=f"Name {CANARY}").body
    secrets = [email, PASSWORD, held["access_token"], held["refresh_token"], held["device_token"]]
    session = serving.log_in(email, carry="header").body
    secrets.append(session["session_token"])
    wrong = f"wrong {CANARY} password of mine"
    made = serving.call("POST", "api-keys", {"name": f"key {CANARY}"}, token=session["session_token"]).body
    secrets += [wrong, made["secret"]]
    calls: list[tuple[str, str, Any, str | None]] = [
        ("POST", "login", {"email": email, "password": wrong}, None),
        ("POST", "login", {"email": f"{CANARY}\n@", "password": {"x": CANARY}}, None),
        ("POST", "register", {"email": email, "password": f"{CANARY} again"}, None),
        ("GET", "me", None, made["secret"]),
        ("GET", "me", None, session["session_token"] + CANARY),
        ("GET", f"me?token={CANARY}", None, f"eyJ.{CANARY}.x"),
        ("POST", "password", {"current": wrong, "new": f"{CANARY} the new password"}, session["session_token"]),
        ("POST", "token", f"grant_type=refresh_token&refresh_token={held['refresh_token']}", None),
        ("POST", "token", f"grant_type=refresh_token&refresh_token={held['refresh_token']}", None),
        ("POST", "token", f"grant_type={CANARY}&client_secret={CANARY}", None),
        ("GET", f"check?role={CANARY}", None, held["access_token"]),
        ("DELETE", f"sessions/{CANARY}", None, session["session_token"]),
        ("GET", f"{CANARY}/%00%ff", None, None),
    ]
    for method, path, body, token in calls:
        serving.call(method, path, body, token)
    cookie = f"Cookie: coatcheck-{serving.port}={CANARY}"
    for line in (
        f"GET /auth/login?password={CANARY} HTTP/1.1\r\nHost: {CANARY}\r\n{cookie}\r\n\r\n",
        f"{CANARY} {CANARY}\r\n\r\n",
        f"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\nemail={CANARY}&password={CANARY}",
    ):
        raw_request(serving, line.encode())
    return secrets


def make_trouble(serving: Serving, token: str) -> None:
    """What is logged is trouble: a database that is away, a worker that is killed, a switch that is thrown. Each lasts
    until it was noticed."""
    victim = serving.worker_pids()[0]
    (name,) = (each for each in serving.registered() if each.encode() in command_line(victim))
    with closing(sqlite3.connect(serving.database)) as database:
        database.execute("ALTER TABLE coatcheck_head RENAME TO coatcheck_head_away")
    serving.log_in(f"{CANARY}@example.com")
    serving.me(token)
    wait_until(lambda: CUT_OFF in serving.output.read_text(), 30, "a worker that says it is cut off")
    with closing(sqlite3.connect(serving.database)) as database:
        database.execute("ALTER TABLE coatcheck_head_away RENAME TO coatcheck_head")
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        os.kill(serving.pid, number)
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: KILLED in serving.output.read_text(), 30, "that the worker was missed")
    serving.wait_for_registrations(without=frozenset((name,)))


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_that_was_sent_is_in_the_log(tmp_path: Path, form: str) -> None:
    options = ("--drain-for", "0.1", "--log-format", form)
    with Serving(tmp_path, workers=2, options=options, COATCHECK_REVOCATION_LEASE="1s") as serving:
        secrets = drive(serving)
        make_trouble(serving, secrets[2])
        assert serving.stop() == 0
        said = serving.output.read_text()
    assert CANARY not in said
    for secret in secrets:
        assert secret not in said
    assert KILLED in said, "something was logged"
    assert CUT_OFF in said
    if form == "json":
        lines = [json.loads(line) for line in said.splitlines()]
        assert all({"time", "level", "logger", "message", "process"} <= line.keys() for line in lines)
        killed = next(line for line in lines if "was killed" in line["message"])
        assert (killed["level"], killed["code"]) == ("warning", -signal.SIGKILL)
        assert any("worker" in line and line["logger"] == "coatcheck" for line in lines)
