"""RD-05: a client sends X-Forwarded-For through nginx, from an address that is among the trusted ones.

It may be in a trusted network, or seem to be, as behind Docker's own proxy. The first hop has to drop what it sent:
where it appends, the client would choose the address by which its attempts are counted (OWASP ASVS 4.1.3).
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2

from tests.journeys.installation import configuration
from tests.nginx import certified, gateway, wait_for
from tests.programs import installed
from tests.serving import free_port

FORGED = {"x-forwarded-for": "203.0.113.9"}


@contextmanager
def listening(heard: list[str]) -> Iterator[str]:
    """A server that notes what it is told of the client's address; where it is."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.extend(self.headers.get_all("x-forwarded-for", []))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join(10)


def test_the_proxy_before_the_servers_says_what_it_sees(tmp_path: Path) -> None:
    nginx, port, heard = installed("nginx"), free_port(), list[str]()
    trusted = certified(tmp_path)
    (tmp_path / "nginx.conf").write_text(configuration(tmp_path, port))
    with listening(heard) as server:
        (tmp_path / "servers.conf").write_text(f"server {server};\n")
        process = subprocess.Popen(
            [nginx, "-p", tmp_path, "-e", tmp_path / "log", "-c", "nginx.conf", "-g", "daemon off;"]
        )
        try:
            wait_for(port, process, tmp_path / "log")
            assert httpx2.get(f"https://localhost:{port}/", headers=FORGED, verify=trusted).status_code == 204
        finally:
            process.terminate()
            process.wait(10)
    assert heard == ["127.0.0.1"]


def test_the_gateway_says_what_it_sees_to_pages_api_and_application(tmp_path: Path) -> None:
    with gateway(tmp_path) as nginx:
        with nginx.browser("ann@example.com") as ann:
            assert ann.get("/orders", headers=FORGED).status_code == 200
            assert nginx.upstream.seen[-1][0]["x-forwarded-for"] == "127.0.0.1"
            wrong = {"email": "ann@example.com", "password": "somebody else's guess of it"}
            assert ann.post("/auth/api/login", json=wrong, headers=FORGED).status_code == 401
        entries = nginx.coatcheck.run(nginx.coatcheck.auth.audit())
    assert {entry.address for entry in entries if entry.kind.startswith("login.")} == {"127.0.0.1"}


def test_the_gateway_says_what_it_sees_to_the_check(tmp_path: Path) -> None:
    heard: list[str] = []
    with listening(heard) as server, gateway(tmp_path, asks=server) as nginx, nginx.client() as stranger:
        stranger.get("/orders", headers=FORGED)
    assert heard == ["127.0.0.1"]
