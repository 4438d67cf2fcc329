"""FD-09: whatever answers in place of the server breaks HTTP itself, not only what is said in it.

A Verifier takes it for a server that can't be reached. No answer, however garbled, comes out of a check as an exception
that no application expects.
"""

import http.client
import re
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from coatcheck.errors import StoreUnavailable
from coatcheck.testing import ManualClock
from coatcheck.verify.address import Address
from coatcheck.verify.http import Http
from coatcheck.verify.introspection import read_found
from tests.faults.chaos_proxy import GARBAGE

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"

ANSWERS = [
    *GARBAGE,
    CHUNKED + b"-5\r\nabc\r\n0\r\n\r\n",
    CHUNKED + b"ffffffffffffffffffffffff\r\nabc\r\n0\r\n\r\n",
    CHUNKED + b"what\r\nabc\r\n0\r\n\r\n",
    CHUNKED + b"5\r\nabc",
    OK + b"content-length: -5\r\n\r\n",
    OK + b"content-length: 5, 7\r\n\r\nhello",
    OK + b"content-length: 99999999999999999999999999\r\n\r\nabc",
    OK + b"\xff\xfe: \xff\r\n\r\nabc",
    OK + b"a: b\r\n" * 200 + b"\r\n",
    OK + b"a" * 70_000 + b"\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\n\r\n",
    b"HTTP/1.1 99999999999 OK\r\n\r\n",
    b"HTTP/9.9 200 OK\r\n\r\n",
    b"\x00\xff\r\n\r\n",
    b"",
]


def converse(connection: socket.socket, answer: bytes) -> None:
    """Answer one question, and hang up."""
    with connection, suppress(OSError):
        question = b""
        while b"\r\n\r\n" not in question:
            more = connection.recv(65536)
            if not more:
                return
            question += more
        named = re.search(rb"coatcheck-question: (\S+)", question)
        assert named is not None
        connection.sendall(answer.replace(b"{question}", named[1]))


@contextmanager
def answering(answer: bytes) -> Iterator[Http]:
    """Somebody at the address of a server, who gives this answer to all."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listening:

        def listen() -> None:
            with suppress(OSError):
                while True:
                    converse(listening.accept()[0], answer)

        threading.Thread(target=listen, daemon=True).start()
        place = Http(Address.of(f"http://127.0.0.1:{listening.getsockname()[1]}", insecure_http=True))
        try:
            yield place
        finally:
            place.close()
            listening.shutdown(socket.SHUT_RDWR)


def ask(place: Http) -> Any:
    return place.request("POST", "api/feed", headers={}, body=b"{}", within=1.0)


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: repr(answer[:60]))
def test_what_is_no_answer_is_a_server_that_can_not_be_reached(answer: bytes) -> None:
    with answering(answer) as place:
        try:
            status = ask(place).status
        except StoreUnavailable:
            return
        assert status >= 400


def test_a_connection_that_two_threads_close_at_once_is_no_surprise(monkeypatch: pytest.MonkeyPatch) -> None:
    """What http.client does then, and seldom: the one finds closed what it was about to close."""
    close = http.client.HTTPResponse.close

    def closed_meanwhile(response: http.client.HTTPResponse) -> None:
        if sys._getframe(1).f_code is http.client.HTTPConnection.close.__code__:
            raise ValueError("I/O operation on closed file.")
        close(response)

    answer = OK + b"coatcheck-question: {question}\r\ncontent-length: 2\r\n\r\n{}"
    with answering(answer) as place:
        monkeypatch.setattr(http.client.HTTPResponse, "close", closed_meanwhile)
        assert ask(place).body == b"{}"
        assert place._pool.pool is not None
        idle = place._pool.pool.get()
        while idle.is_connected:
            time.sleep(0.001)
        place._pool.pool.put(idle)
        with pytest.raises(StoreUnavailable):
            ask(place)


def told(age_ms: str) -> bytes:
    known = '"kind": "user", "position": "1-a.1", "generation": 1, "version": 1, "everything_generation": 1'
    who = '"active": true, "aud": ["orders"], "sub": "usr_1", "sid": "ses_1"'
    return f'{{{who}, "coatcheck": {{{known}, "age_ms": {age_ms}}}}}'.encode()


def test_a_number_that_no_clock_can_count_is_no_answer() -> None:
    now, audiences = ManualClock().now, frozenset({"orders"})
    assert read_found(told("5"), now, audiences).age_ms == 5
    with pytest.raises(StoreUnavailable):
        read_found(told("1" + "0" * 400), now, audiences)
