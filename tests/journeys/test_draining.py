"""A server that is told to end lets everybody notice first: nobody who honours readiness sees a request fail."""

import http.client
import os
import random
import signal
import threading
import time
from pathlib import Path

import pytest

from tests.serving import Serving

pytestmark = pytest.mark.xdist_group("workers")


def is_ready(serving: Serving) -> bool:
    connection = http.client.HTTPConnection(serving.host, serving.port, timeout=5)
    try:
        connection.request("GET", "/auth/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


class Balancer:
    """Sends requests to servers that are ready, as it learned a moment ago, until ``stop``."""

    def __init__(self, servers: list[Serving], token: str, clients: int) -> None:
        self._servers = servers
        self._token = token
        self.ready = set(range(len(servers)))
        self.answers: list[tuple[float, int, int | None]] = []
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._look)]
        self._threads += [threading.Thread(target=self._ask) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Send no more."""
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _look(self) -> None:
        while not self._is_over.wait(0.1):
            self.ready = {place for place, server in enumerate(self._servers) if is_ready(server)}

    def _ask(self) -> None:
        while not self._is_over.is_set():
            place = random.choice(sorted(self.ready))
            server, began = self._servers[place], time.monotonic()
            answer = server.me(self._token) if random.random() < 0.9 else server.log_in("ben@example.com")
            self.answers.append((began, place, answer.status))
            time.sleep(0.005)


def pair(folder: Path, **how: tuple[str, ...]) -> list[Serving]:
    """Two servers with one database, which people reach at one address."""
    made = [Serving(folder, workers=2, COATCHECK_URL="http://localhost:8000", **how) for _ in range(2)]
    for each in made:
        each.start()
    return made


def test_no_request_fails_while_one_of_two_servers_drains_under_load(tmp_path: Path) -> None:
    servers = pair(tmp_path, options=("--drain-for", "3"))
    try:
        token = servers[0].register("ann@example.com", carry="tokens").body["access_token"]
        servers[0].register("ben@example.com", carry="header")
        balancer = Balancer(servers, token, clients=4)
        time.sleep(0.5)
        told_at = time.monotonic()
        os.kill(servers[1].pid, signal.SIGTERM)
        while is_ready(servers[1]):
            time.sleep(0.02)
        assert servers[1].me(token).status == 200, "it serves on until everybody has noticed"
        assert servers[1].ended() == 0
        took = time.monotonic() - told_at
        time.sleep(0.3)
        balancer.stop()
    finally:
        for server in servers:
            server.stop()
    assert len(balancer.answers) > 100
    assert {status for _, _, status in balancer.answers} == {200}
    late = [began for began, place, _ in balancer.answers if place == 1 and began > told_at]
    assert max(late, default=told_at) < told_at + 2, "and then it is asked no more"
    assert 3 <= took < 15


@pytest.mark.parametrize(
    "numbers", [(signal.SIGTERM, signal.SIGTERM), (signal.SIGTERM, signal.SIGINT), (signal.SIGINT,)]
)
def test_a_second_signal_ends_it_quickly_and_so_does_ctrl_c(
    tmp_path: Path, numbers: tuple[signal.Signals, ...]
) -> None:
    with Serving(tmp_path, workers=2, options=("--drain-for", "60")) as serving:
        began = time.monotonic()
        for number in numbers:
            os.kill(serving.pid, number)
            while len(numbers) > 1 and is_ready(serving):
                time.sleep(0.02)
        assert serving.ended() == 0
        assert time.monotonic() - began < 30, "and not the minute for which it was to drain"
        assert serving.registered() == [], "every worker has said goodbye"
