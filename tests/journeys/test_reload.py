"""SIGHUP to ``coatcheck serve``: the two steps of replacing the master secret, one right after the other, and how many
workers there are meanwhile."""

import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from coatcheck.tokens.derivation import Secrets
from tests.serving import Serving

OLD, NEW = "the first master secret of this test 1", "the second master secret of this test 2"


def awaited(condition: Callable[[], object], serving: Serving) -> None:
    ends = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < ends, serving.output.read_text()
        time.sleep(0.01)


def reload(serving: Serving) -> None:
    """Ask for a reload, and return when it is under way."""
    count = len(serving.worker_pids())
    os.kill(serving.pid, signal.SIGHUP)
    awaited(lambda: len(serving.worker_pids()) > count, serving)


def test_a_second_reload_in_the_middle_of_one_is_done_after_it(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{OLD}\n{NEW}\n")
    file.chmod(0o600)
    with Serving(tmp_path, workers=2, COATCHECK_SECRETS_FILE=str(file)) as serving:
        reload(serving)
        file.write_text(f"{NEW}\n{OLD}\n")
        os.kill(serving.pid, signal.SIGHUP)
        awaited(lambda: serving.output.read_text().count("were replaced") == 2, serving)
        said = serving.output.read_text()
        ids = ", ".join(Secrets((NEW, OLD)).ids)
        assert said.splitlines()[-1] == f"info: all workers (2) were replaced; the secrets in force: {ids}"
        assert OLD not in said
        assert NEW not in said


def test_the_old_worker_is_gone_before_the_next_one_is_replaced(tmp_path: Path) -> None:
    with ExitStack() as clients, Serving(tmp_path, workers=2) as serving:
        before = set(serving.worker_pids())
        for _ in range(16):  # requests under way, at both: their ends are waited for
            client = clients.enter_context(socket.create_connection(("127.0.0.1", serving.port)))
            client.sendall(b"POST /auth/api/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n")
        names = frozenset(serving.registered())
        os.kill(serving.pid, signal.SIGHUP)
        awaited(lambda: set(serving.registered()) - names, serving)
        until = time.monotonic() + 3
        while time.monotonic() < until:
            assert len(serving.worker_pids()) <= 3, "two that serve, and one that ends"
            time.sleep(0.02)
        clients.close()
        awaited(lambda: "were replaced" in serving.output.read_text(), serving)
        assert not before & set(serving.worker_pids())
