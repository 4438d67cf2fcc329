"""FT-09 in short: a worker that was stopped for longer than its lease decides nothing on what it knew before."""

import http.client
import os
import select
import signal
import time
from functools import partial
from itertools import cycle
from pathlib import Path

import pytest

from tests.serving import Serving, exchange, in_parallel

Connections = list[http.client.HTTPConnection]


def connection_to(serving: Serving, token: str) -> http.client.HTTPConnection:
    """A connection that stays open, with the worker that took it; the token is warm there."""
    made = http.client.HTTPConnection("127.0.0.1", serving.port, timeout=20)
    assert exchange(made, "GET", "me", None, token, 0.0).status == 200
    return made


def pause(pid: int) -> None:
    """Stop a process and wait until it has stopped: before that it may still accept a connection."""
    os.kill(pid, signal.SIGSTOP)
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        time.sleep(0.001)


def pause_one(serving: Serving, everyone: Connections, token: str) -> tuple[int, Connections]:
    """Stop a worker that has some of the connections, with a request waiting in each of them, and return those.

    Not in the middle of a write: until it went on nobody else could write.
    """
    for pid in cycle(serving.worker_pids()):
        pause(pid)
        for connection in everyone:
            ask(connection, token)
        others = answered(everyone)
        for connection in others:
            connection.getresponse().read()
        waiting = [connection for connection in everyone if connection not in others]
        if waiting and serving.log_in("ann@example.com", carry="header").status == 200:
            return pid, waiting
        os.kill(pid, signal.SIGCONT)
        for connection in waiting:
            connection.getresponse().read()
    raise AssertionError("no worker")


def ask(connection: http.client.HTTPConnection, token: str) -> None:
    """Send a request and do not wait for its answer."""
    connection.request("GET", "/auth/api/me", headers={"Authorization": f"Bearer {token}"})


def answered(asked: Connections) -> Connections:
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
        paused, waiting = pause_one(serving, everyone, token)
        try:
            ended = serving.call("POST", "logout?wait=true", {"scope": "this"}, token)
            assert ended.status == 200, ended
            receipt = ended.body["receipt"]
            assert (receipt["confirmed"], receipt["waited_out"]) == (1, 1), receipt
            assert 1000 < receipt["took_ms"] < 3000
        finally:
            os.kill(paused, signal.SIGCONT)
        for connection in waiting:
            response = connection.getresponse()
            response.read()
            assert response.status in (401, 503)
        for connection in everyone:
            assert exchange(connection, "GET", "me", None, token, 0.0).status == 401
            connection.close()
