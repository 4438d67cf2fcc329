"""FT-09 in short: a worker that was stopped for longer than its lease decides nothing on what it knew before."""

import http.client
import os
import select
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from tests.faults.serving import Serving, exchange, in_parallel


def connection_to(serving: Serving, token: str) -> http.client.HTTPConnection:
    """A connection that stays open, with the worker that took it; the token is warm there."""
    made = http.client.HTTPConnection("127.0.0.1", serving.port, timeout=20)
    assert exchange(made, "GET", "me", None, token, 0.0).status == 200
    return made


def pause_one(serving: Serving) -> int:
    """Stop a worker, not in the middle of a write: until it goes on nobody else could write then."""
    while True:
        paused = serving.worker_pids()[0]
        os.kill(paused, signal.SIGSTOP)
        if serving.log_in("ann@example.com", carry="header").status == 200:
            return paused
        os.kill(paused, signal.SIGCONT)


def ask(connection: http.client.HTTPConnection, token: str) -> None:
    """Send a request and do not wait for its answer."""
    connection.request("GET", "/auth/api/me", headers={"Authorization": f"Bearer {token}"})


def answered(asked: list[http.client.HTTPConnection]) -> list[http.client.HTTPConnection]:
    """Those on which an answer came within a second."""
    time.sleep(1)
    readable, _, _ = select.select([connection.sock for connection in asked], [], [], 0)
    return [connection for connection in asked if connection.sock in readable]


@pytest.mark.xdist_group("workers")
@pytest.mark.parametrize("carry", ["header", "tokens"])
def test_a_worker_that_was_paused_accepts_nothing_that_ended_meanwhile(tmp_path: Path, carry: str) -> None:
    with Serving(tmp_path, workers=2, COATCHECK_REVOCATION_LEASE="1s") as serving:
        body = serving.register("ann@example.com", carry=carry).body
        token = body["session_token"] if carry == "header" else body["access_token"]
        everyone = in_parallel(*[partial(connection_to, serving, token)] * 24)
        paused = pause_one(serving)
        try:
            everyone.append(connection_to(serving, token))  # the other worker takes it
            for connection in everyone:
                ask(connection, token)
            others = answered(everyone)
            of_the_paused = [connection for connection in everyone if connection not in others]
            assert of_the_paused
            for connection in others:
                assert connection.getresponse().read()
            ended = serving.call("POST", "logout?wait=true", {"scope": "this"}, token)
            assert ended.status == 200, ended
            receipt = ended.body["receipt"]
            assert (receipt["confirmed"], receipt["waited_out"]) == (1, 1), receipt
            assert 1000 < receipt["took_ms"] < 3000
        finally:
            os.kill(paused, signal.SIGCONT)
        first = [connection.getresponse() for connection in of_the_paused]
        assert {response.status for response in first} <= {401, 503}
        for response in first:
            response.read()
        for connection in everyone:
            assert exchange(connection, "GET", "me", None, token, 0.0).status == 401
            connection.close()
