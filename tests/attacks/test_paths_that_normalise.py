"""An address is written so that a proxy and the application read it differently; odd methods.

RD-10, CS-13, HT-13: over a real server, byte by byte.
"""

import socket
from collections.abc import Iterator

import pytest

from tests.server import Server, serving


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def _send(server: Server, request: bytes) -> bytes:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(request)
        answer = b""
        while chunk := connection.recv(65_536):
            answer += chunk
    return answer


def _status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize(
    "target",
    [
        b"/auth/api/admin/..;/users",
        b"/auth/api/public/..%2fadmin/users",
        b"/auth/api/%2e%2e/api/admin/users",
        b"/auth/api/./admin/users",
        b"/auth/api//admin/users",
        b"//auth/api/admin/users",
        b"/auth/api/admin/users/",
        b"/auth/api/admin/users/.",
        b"/auth/api/admin/users%00",
        b"/auth/api/admin/users%20",
        b"/auth/api/admin/users.",
        b"/auth/api/ADMIN/users",
        b"/AUTH/API/ADMIN/USERS",
        b"/auth/api/admin%2fusers",
        b"/auth\\api\\admin\\users",
        b"/auth/api/healthz/../admin/users",
        b"/auth/healthz/../api/admin/users",
        b"/auth/healthz;/api/admin/users",
        b"http://localhost/auth/api/admin/users",
        b"*",
    ],
)
def test_no_spelling_of_an_address_gets_past_the_check(server: Server, target: bytes):
    answer = _send(server, b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert _status(answer) in (400, 401, 404)
    assert b'"users"' not in answer


@pytest.mark.parametrize(
    "line", [b"GET\t/auth/api/me", b"G\x00ET /auth/api/me", b"GET /auth/api/me\x0b", b"\xff /auth/api/me"]
)
def test_a_line_that_is_no_request_is_refused(server: Server, line: bytes):
    answer = _send(server, line + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert answer == b"" or _status(answer) == 400


@pytest.mark.parametrize("method", [b"TRACE", b"CONNECT", b"TRACK", b"DEBUG", b"PROPFIND"])
def test_an_odd_method_gets_nothing_and_echoes_nothing(server: Server, method: bytes):
    request = method + b" /auth/api/me HTTP/1.1\r\nHost: localhost\r\nX-Canary: sings\r\nConnection: close\r\n\r\n"
    answer = _send(server, request)
    assert _status(answer) in (400, 405)
    assert b"sings" not in answer
