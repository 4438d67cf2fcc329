"""Several workers on one database, as ``coatcheck serve --workers 3`` runs them."""

import os
import signal
import time
from collections.abc import Iterator
from itertools import count

import pytest

from tests.serving import Serving, command_line

pytestmark = pytest.mark.xdist_group("workers")
LEASE = 2
_numbers = count()


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with Serving(tmp_path_factory.mktemp("workers"), COATCHECK_REVOCATION_LEASE=f"{LEASE}s") as running:
        yield running


def fresh() -> str:
    return f"person{next(_numbers)}@example.com"


def test_a_login_at_one_worker_is_good_at_all(serving: Serving) -> None:
    token = serving.register(fresh(), carry="header").body["session_token"]
    assert {serving.me(token).status for _ in range(20)} == {200}


def test_when_a_waited_ending_is_answered_no_worker_accepts(serving: Serving) -> None:
    email = fresh()
    header = serving.register(email, carry="header").body["session_token"]
    jwt = serving.log_in(email, carry="tokens").body["access_token"]
    for token in (header, jwt):
        assert {serving.me(token).status for _ in range(12)} == {200}, "warm in every worker"
    done = serving.call("POST", "logout?wait=true", {"scope": "all"}, token=header)
    refused = [serving.me(token) for token in (header, jwt) for _ in range(12)]
    assert done.status == 200
    assert done.body["receipt"]["confirmed"] == 3, done.body
    assert {answer.status for answer in refused} == {401}
    assert {answer.body["code"] for answer in refused} <= {"session.ended", "token.revoked"}


def test_an_ending_without_waiting_holds_everywhere_within_the_lease(serving: Serving) -> None:
    token = serving.register(fresh(), carry="header").body["session_token"]
    assert {serving.me(token).status for _ in range(12)} == {200}
    ended = serving.call("POST", "logout", {"scope": "this"}, token=token).ended
    accepted = [answer for _ in range(60) if (answer := serving.me(token)).status == 200]
    assert all(answer.began - ended < LEASE for answer in accepted), [answer.began - ended for answer in accepted]
    assert serving.me(token).status == 401


def test_a_receipt_names_each_worker(serving: Serving) -> None:
    names = serving.registered()
    assert sorted(name.split(" ")[2] for name in names) == ["1", "2", "3"]
    assert len(set(names)) == 3


def test_a_killed_worker_is_replaced_and_does_not_hold_up_a_barrier(serving: Serving) -> None:
    before = frozenset(serving.registered())
    victim = serving.worker_pids()[0]
    name = next(each for each in before if each.encode() in command_line(victim))
    os.kill(victim, signal.SIGKILL)
    assert serving.wait_for_registrations(without=frozenset((name,))) < 10
    token = serving.register(fresh(), carry="header").body["session_token"]
    done = serving.call("POST", "logout?wait=true", {"scope": "this"}, token=token)
    receipt = done.body["receipt"]
    assert (receipt["confirmed"], receipt["waited_out"]) == (3, 0), receipt


def test_a_reload_replaces_every_worker_and_no_request_fails(serving: Serving) -> None:
    before = frozenset(serving.registered())
    token = serving.register(fresh(), carry="header").body["session_token"]
    os.kill(serving.pid, signal.SIGHUP)
    statuses = set()
    ends = time.monotonic() + 120
    while before & set(serving.registered()) or len(serving.registered()) != 3:
        assert time.monotonic() < ends, serving.output.read_text()
        statuses.add(serving.me(token).status)
    assert statuses == {200}


def test_a_clean_end_leaves_no_registration_and_code_0(serving: Serving) -> None:
    assert serving.stop() == 0
    assert serving.registered() == []
    assert "Traceback" not in serving.output.read_text()
    serving.start()


def test_workers_end_when_the_process_that_keeps_them_is_killed(serving: Serving) -> None:
    workers = serving.worker_pids()
    assert len(workers) == 3
    os.kill(serving.pid, signal.SIGKILL)
    serving.stop()
    ends = time.monotonic() + 60
    while any(os.path.exists(f"/proc/{pid}") for pid in workers):  # noqa: PTH110
        assert time.monotonic() < ends
        time.sleep(0.05)
    assert serving.registered() == [], serving.output.read_text()
    serving.start()
