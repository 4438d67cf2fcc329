"""The proxy breaks what it is told to break, and nothing else."""

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.faults.proxying import ChaosProxy

PATIENCE = 0.4


class Server(ThreadingHTTPServer):
    """Whose clients may hang up."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Nothing: it is the proxy that hung up."""


class Echo(BaseHTTPRequestHandler):
    """Answers with the body that came."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def proxy() -> Iterator[ChaosProxy]:
    with Server(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever).start()
        with ChaosProxy(f"127.0.0.1:{server.server_port}", seed=1) as made:
            yield made
        server.shutdown()


def connect(proxy: ChaosProxy) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=PATIENCE)


def ask(connection: http.client.HTTPConnection, body: str) -> str:
    connection.request("POST", "/feed", body)
    return connection.getresponse().read().decode("latin-1")


def test_what_is_not_broken_comes_through_on_one_connection(proxy: ChaosProxy) -> None:
    with closing(connect(proxy)) as connection:
        assert [ask(connection, str(number)) for number in range(20)] == [str(number) for number in range(20)]
        assert ask(connection, "x" * 200_000) == "x" * 200_000


@pytest.mark.parametrize("fault", ["black_hole", "deaf", "mute"])
def test_what_stands_still_goes_on_when_it_is_mended(proxy: ChaosProxy, fault: str) -> None:
    with closing(connect(proxy)) as connection:
        assert ask(connection, "before") == "before"
        with proxy.broken(**{fault: True}):
            connection.request("POST", "/feed", "during")
            with pytest.raises(TimeoutError):
                connection.sock.recv(1, socket.MSG_PEEK)
        assert connection.getresponse().read() == b"during"


def test_a_stall_delays(proxy: ChaosProxy) -> None:
    with proxy.broken(stall=0.2, jitter=0.1), closing(connect(proxy)) as connection:
        began = time.monotonic()
        assert ask(connection, "late") == "late"
        assert 0.1 <= time.monotonic() - began < PATIENCE


def test_what_is_held_is_let_go_together(proxy: ChaosProxy) -> None:
    with proxy.broken(hold=2.0), closing(connect(proxy)) as one, closing(connect(proxy)) as other:
        one.timeout = other.timeout = 5
        one.request("POST", "/feed", "first")
        time.sleep(0.5)
        other.request("POST", "/feed", "second")
        assert one.getresponse().read() == b"first"
        at = time.monotonic()
        assert other.getresponse().read() == b"second"
        assert time.monotonic() - at < 0.4, "it had been asked half a second later"


def test_an_answer_is_cut_in_the_middle(proxy: ChaosProxy) -> None:
    with (
        proxy.broken(cut=1.0),
        closing(connect(proxy)) as connection,
        pytest.raises((http.client.HTTPException, OSError)),
    ):
        ask(connection, "x" * 100_000)


def test_a_dropped_answer_never_comes(proxy: ChaosProxy) -> None:
    with proxy.broken(drop=1.0), closing(connect(proxy)) as connection, pytest.raises(TimeoutError):
        ask(connection, "lost")


def test_an_older_answer_is_given_to_a_newer_question(proxy: ChaosProxy) -> None:
    with closing(connect(proxy)) as connection:
        ask(connection, "old")
        with proxy.broken(replay=1.0):
            assert ask(connection, "new") != "new"


def test_a_repeated_answer_is_taken_for_the_next_one(proxy: ChaosProxy) -> None:
    with proxy.broken(repeat=1.0), closing(connect(proxy)) as connection:
        assert ask(connection, "one") == "one"
        connection.sock.recv(1, socket.MSG_PEEK)
        connection.request("POST", "/feed", "two")
        assert connection.getresponse().read() == b"one"


def test_garbage_is_garbage(proxy: ChaosProxy) -> None:
    said = set()
    with proxy.broken(garbage=1.0):
        for _ in range(40):
            with closing(connect(proxy)) as connection:
                try:
                    said.add(ask(connection, "sense"))
                except (http.client.HTTPException, OSError):
                    said.add("nothing")
    assert "sense" not in said
    assert len(said) > 5


def test_where_nobody_listens_connections_are_reset(proxy: ChaosProxy) -> None:
    with closing(connect(proxy)) as connection:
        ask(connection, "before")
        with proxy.broken(refuse=True), pytest.raises((ConnectionError, http.client.HTTPException)):
            ask(connection, "during")


def test_only_some_paths_are_touched_and_requests_are_counted(proxy: ChaosProxy) -> None:
    before = proxy.mend().requests["POST /feed"]
    with proxy.broken(drop=1.0, only="/other"), closing(connect(proxy)) as connection:
        assert ask(connection, "through") == "through"
    assert proxy.mend().requests["POST /feed"] == before + 1
