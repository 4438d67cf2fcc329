"""examples/operations/readiness.py: who is left out, how soon, and what becomes of it when nginx is not there."""

import importlib.util
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import create_server
from threading import Thread
from types import ModuleType
from typing import Any

import pytest

from tests.journeys.installation import EXAMPLES
from tests.serving import free_port

SCRIPT = EXAMPLES / "readiness.py"
NGINX = """
import os, pathlib, signal, sys
pathlib.Path("/proc/self/comm").write_text(sys.argv[1])
file = pathlib.Path(sys.argv[2])
signal.signal(signal.SIGHUP, lambda *_: file.open("a").write("told\\n"))
file.write_text("")
while True:
    signal.pause()
"""
"""What has the name that it is given, and notes when it is told to read its configuration anew."""


class Fake:
    """A server that says how it is by its status: 200, 503, or strictly 503 only."""

    def __init__(self) -> None:
        self.plain = self.strict = 200
        self.asked: list[float] = []
        self.name = ""


@contextmanager
def fake() -> Iterator[Fake]:
    told = Fake()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_strict = self.path == "/auth/readyz?strict=true"
            if is_strict:
                told.asked.append(time.monotonic())
            self.send_response(told.strict if is_strict else told.plain)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        told.name = f"127.0.0.1:{server.server_address[1]}"
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield told
        finally:
            server.shutdown()
            thread.join(10)


class Beside:
    """The script in ``folder``, and an nginx that may be there."""

    def __init__(self, folder: Path) -> None:
        self.list = folder / "servers.conf"
        self.pid_file = folder / "nginx.pid"
        self._folder = folder
        self._running = ExitStack()

    def __enter__(self) -> "Beside":
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def nginx(self, name: str = "nginx") -> Callable[[], int]:
        """Start what has this name; how often it was told."""
        noted = self._folder / f"told-{name}"
        process = self._start(sys.executable, "-c", NGINX, name, str(noted))
        wait_until(noted.exists)
        self.pid_file.write_text(str(process.pid))
        return lambda: noted.read_text().count("told")

    def start(self, *servers: str) -> "subprocess.Popen[bytes]":
        """Start the script, which asks ten times a second."""
        files = ("--write", str(self.list), "--nginx", str(self.pid_file), "--every", "0.1")
        return self._start(sys.executable, str(SCRIPT), *files, *servers)

    def left_out(self) -> set[str]:
        """Whom nginx is to send nothing."""
        lines = self.list.read_text().splitlines() if self.list.exists() else []
        return {line.split()[1] for line in lines if line.endswith(" down;")}

    def _start(self, *words: str) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(words)
        self._running.callback(process.wait, 10)
        self._running.callback(process.terminate)
        return process


def wait_until(holds: Callable[[], bool], patience: float = 20.0) -> None:
    gives_up = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < gives_up
        time.sleep(0.02)


@pytest.fixture
def beside(tmp_path: Path) -> Iterator[Beside]:
    with Beside(tmp_path) as made:
        yield made


@pytest.fixture
def three() -> Iterator[tuple[Fake, Fake, Fake]]:
    with fake() as one, fake() as two, fake() as three:
        yield one, two, three


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("readiness", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_who_ends_or_has_lost_its_database_is_left_out_until_it_is_well(beside: Beside, three: Any) -> None:
    told = beside.nginx()
    beside.start(*(each.name for each in three))
    wait_until(lambda: told() == 1)
    assert beside.left_out() == set()
    three[0].strict = three[0].plain = 503
    wait_until(lambda: beside.left_out() == {three[0].name})
    three[1].strict = 503
    wait_until(lambda: beside.left_out() == {three[0].name, three[1].name})
    three[0].strict = three[0].plain = three[1].strict = 200
    wait_until(lambda: beside.left_out() == set())
    wait_until(lambda: told() >= 4)


def test_when_most_have_lost_the_database_all_who_serve_stay(beside: Beside, three: Any) -> None:
    told = beside.nginx()
    beside.start(*(each.name for each in three))
    wait_until(lambda: told() == 1)
    for each in three:
        each.strict = 503
    three[0].plain = 503
    wait_until(lambda: beside.left_out() == {three[0].name})
    rounds = Counter(each.name for each in three for _ in each.asked)
    for each in three:
        each.plain = 503
    wait_until(lambda: all(len(each.asked) > rounds[each.name] + 5 for each in three))
    assert beside.left_out() == {three[0].name}, "nobody is ready: the list stays"


@pytest.mark.parametrize(
    ("states", "chosen"),
    [
        ((2, 2, 2), {0, 1, 2}),
        ((2, 1, 0), {0}),
        ((2, 1), {0}),
        ((2, 1, 1), {0, 1, 2}),
        ((1, 1, 0), {0, 1}),
        ((0, 0, 0), set()),
    ],
)
def test_without_its_database_a_server_is_left_out_while_half_of_them_are_well(
    states: tuple[int, ...], chosen: set[int]
) -> None:
    assert script().chosen({str(place): said for place, said in enumerate(states)}) == {str(each) for each in chosen}


def test_machines_that_are_gone_do_not_hold_up_the_question_to_the_others(beside: Beside) -> None:
    beside.nginx()
    with ExitStack() as silent, fake() as there:
        gone = [silent.enter_context(create_server(("127.0.0.1", 0))) for _ in range(3)]  # nobody accepts
        beside.start(*(f"127.0.0.1:{each.getsockname()[1]}" for each in gone), there.name)
        wait_until(lambda: len(there.asked) >= 3)
    gap = max(later - earlier for earlier, later in zip(there.asked, there.asked[1:], strict=False))
    assert gap < 2 * script().PATIENCE, "one after the other they take three times that"


def test_it_outlives_an_nginx_that_is_not_there_and_tells_the_next_one(beside: Beside, three: Any) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    beside.pid_file.write_text(str(ended.pid))
    process = beside.start(three[0].name, f"127.0.0.1:{free_port()}")
    wait_until(lambda: len(beside.left_out()) == 1)
    before = len(three[0].asked)
    wait_until(lambda: len(three[0].asked) > before + 3)
    assert process.poll() is None
    another = beside.nginx("other")
    before = len(three[0].asked)
    wait_until(lambda: len(three[0].asked) > before + 3)
    assert another() == 0, "the number is that of a process which is not nginx"
    told = beside.nginx()
    wait_until(lambda: told() == 1)
