"""The metrics of several workers, as one answer that stays true when workers die, are paused, and are replaced."""

import http.client
import os
import signal
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest

from tests.metrics.asking import Samples, parsed
from tests.serving import Serving, free_port

pytestmark = pytest.mark.xdist_group("workers")
METRICS = free_port()


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    options = ("--drain-for", "0", "--metrics", f"127.0.0.1:{METRICS}")
    with Serving(tmp_path_factory.mktemp("metrics"), options=options, COATCHECK_REVOCATION_LEASE="2s") as running:
        wait_for_workers()
        yield running


def get(port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def scraped() -> Samples:
    status, text = get(METRICS, "/metrics")
    assert status == 200
    return parsed(text)


def wait_for_workers(deaths: int = 0) -> Samples:
    """Wait until three serve, so many having died."""
    until = time.monotonic() + 120
    while True:
        samples = scraped()
        are_there = samples.of("coatcheck_workers", state="answering") == 3
        if are_there and samples.of("coatcheck_worker_deaths_total") >= deaths:
            return samples
        assert time.monotonic() < until, samples
        time.sleep(0.05)


def counters(samples: Samples) -> Samples:
    """What must never go down."""
    return Samples({at: number for at, number in samples.items() if at[0].endswith(("_total", "_count", "_bucket"))})


def gone_down(before: Samples, after: Samples) -> list[str]:
    return [at[0] for at, number in counters(before).items() if after.get(at, 0.0) < number]


def checks(samples: Samples) -> float:
    """All checks."""
    return sum(number for (name, _), number in samples.items() if name == "coatcheck_checks_total")


def test_what_all_workers_have_counted_is_one_sum(serving: Serving) -> None:
    before = scraped()
    token = serving.register("ann@example.com", carry="tokens").body["access_token"]
    assert {serving.me(token).status for _ in range(40)} == {200}
    after = scraped()
    assert checks(after) - checks(before) == 40
    cold = after.of("coatcheck_checks_total", level="cold", result="accepted")
    assert 1 <= cold <= 3, "each worker verifies the signature once"
    assert after.of("coatcheck_verbs_total", verb="register", outcome="accepted") == 1
    assert after.of("coatcheck_subscribers", service="(servers)", state="active") == 3


def test_a_killed_worker_takes_no_count_with_it_and_leaves_no_gauge(serving: Serving) -> None:
    token = serving.register("ben@example.com", carry="tokens").body["access_token"]
    for _ in range(20):
        serving.me(token)
    before = wait_for_workers()
    deaths = int(before.of("coatcheck_worker_deaths_total"))
    os.kill(serving.worker_pids()[0], signal.SIGKILL)
    seen = [before]
    until = time.monotonic() + 120
    while (
        seen[-1].of("coatcheck_worker_deaths_total") == deaths
        or seen[-1].of("coatcheck_workers", state="answering") < 3
    ):
        assert time.monotonic() < until
        seen.append(scraped())
    for earlier, later in pairwise(seen):
        assert gone_down(earlier, later) == []
    leases = {labels for name, labels in seen[-1] if name == "coatcheck_lease_remaining_seconds"}
    assert leases == {(("worker", number),) for number in "123"}
    assert seen[-1].of("coatcheck_workers", state="ready") == 3


def test_a_paused_worker_holds_nobody_up_and_its_counts_stay(serving: Serving) -> None:
    before = wait_for_workers()
    paused = serving.worker_pids()[1]
    os.kill(paused, signal.SIGSTOP)
    try:
        began = time.monotonic()
        during = scraped()
        assert time.monotonic() - began < 5
    finally:
        os.kill(paused, signal.SIGCONT)
    assert during.of("coatcheck_workers", state="answering") == 2
    assert during.of("coatcheck_store_answers") == 1
    assert gone_down(before, during) == []
    assert gone_down(during, wait_for_workers()) == []


def test_a_reload_loses_not_one_check(serving: Serving) -> None:
    token = serving.register("cleo@example.com", carry="tokens").body["access_token"]
    before = wait_for_workers()
    for _ in range(30):
        assert serving.me(token).status == 200
    old = frozenset(serving.registered())
    os.kill(serving.pid, signal.SIGHUP)
    serving.wait_for_registrations(without=old)
    after = wait_for_workers()
    assert checks(after) - checks(before) == 30
    assert gone_down(before, after) == []


def test_the_public_port_tells_none_of_it(serving: Serving) -> None:
    for path in ("/metrics", "/auth/metrics", "/auth/api/metrics"):
        assert get(serving.port, path)[0] == 404
