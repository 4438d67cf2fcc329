"""A real nginx in front of a real Coatcheck and an upstream, with the configuration that docs/gateways.md gives."""

import base64
import hashlib
import json
import os
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from coatcheck.settings import TokenSettings, WebSettings
from tests.certificates import certify
from tests.programs import installed
from tests.server import Server, serving
from tests.serving import free_port
from tests.surface.documents import blocks

AUDIENCE = "orders"
SECRET = "a secret of this test, longer than thirty-two characters"
_MAIN = """
{user}
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log warn;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/app.conf;
}}
"""


@dataclass
class Upstream:
    """An application that knows nothing of logins but how to verify a JWT by a key set, with no code of ours.

    ``seen`` are the headers of each request that reached it, names in lower case, and its body.
    """

    port: int = 0
    jwks_url: str = ""
    issuer: str = ""
    seen: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def claims(self, authorization: str) -> dict[str, Any]:
        """The claims of a genuine token that was issued for this upstream and is in time. Raises ValueError."""
        scheme, _, token = authorization.partition(" ")
        header, payload, signature = token.split(".")
        named = json.loads(_decoded(header))
        keys = {key["kid"]: key for key in httpx2.get(self.jwks_url).json()["keys"]}
        key, raw = keys[named["kid"]], _decoded(signature)
        point = ec.EllipticCurvePublicNumbers(
            int.from_bytes(_decoded(key["x"])), int.from_bytes(_decoded(key["y"])), ec.SECP256R1()
        )
        der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
        try:
            point.public_key().verify(der, f"{header}.{payload}".encode(), ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            raise ValueError("signature") from None
        claims: dict[str, Any] = json.loads(_decoded(payload))
        is_ours = (scheme, named["alg"], named["typ"]) == ("Bearer", "ES256", "at+jwt")
        if not is_ours or (claims["aud"], claims["iss"]) != (AUDIENCE, self.issuer) or claims["exp"] < time.time():
            raise ValueError("claims")
        return claims


@dataclass(frozen=True)
class Gateway:
    """A running nginx: where it is, what it passes requests on to, and whom it asks."""

    url: str
    port: int
    trusted: ssl.SSLContext
    coatcheck: Server
    upstream: Upstream

    def client(self, **headers: str) -> httpx2.Client:
        """A program that speaks to nginx."""
        return httpx2.Client(base_url=self.url, verify=self.trusted, headers=headers)

    @contextmanager
    def browser(self, email: str) -> Iterator[httpx2.Client]:
        """A browser with one of the site's own pages open, in which somebody has just registered."""
        with self.client(origin=self.url, **{"sec-fetch-site": "same-origin"}) as client:
            body = {"email": email, "password": "three quiet herons wade"}
            assert client.post("/auth/api/register", json=body).status_code == 201
            yield client

    def reached(self) -> int:
        """How many requests have reached the upstream."""
        return len(self.upstream.seen)


@contextmanager
def gateway(folder: Path, *, asks: str | None = None) -> Iterator[Gateway]:
    """Start Coatcheck, an upstream, and nginx in front of both, until the block ends. ``asks`` is an address that nginx
    takes for Coatcheck's instead."""
    nginx = installed("nginx")
    port, upstream = free_port(), Upstream()
    url = f"https://localhost:{port}"
    settings = {
        "url": url,
        "secrets": (SECRET,),
        "tokens": TokenSettings(audiences=(AUDIENCE,)),
        "web": WebSettings(trusted_proxies=("127.0.0.0/8",)),
    }
    with serving(**settings) as server, _serving(upstream):
        upstream.jwks_url, upstream.issuer = f"{server.url}/auth/.well-known/jwks.json", f"{url}/auth"
        trusted = certified(folder)
        replaced = {
            "127.0.0.1:8000": asks or server.url.removeprefix("http://"),
            "127.0.0.1:3000": f"127.0.0.1:{upstream.port}",
            "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
            "/etc/ssl/app.example.com.pem": f"{folder}/app.pem",
            "/etc/ssl/app.example.com.key": f"{folder}/app.key",
        }
        (configuration,) = blocks("docs/gateways.md", "nginx")
        for documented, here in replaced.items():
            assert configuration.count(documented) == 1, documented
            configuration = configuration.replace(documented, here)
        (folder / "app.conf").write_text(configuration, encoding="utf-8")
        user = "user root;" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(_MAIN.format(user=user, folder=folder), encoding="utf-8")
        process = subprocess.Popen([nginx, "-p", str(folder), "-e", "error.log", "-c", "nginx.conf"])
        try:
            wait_for(port, process, folder / "error.log")
            yield Gateway(url, port, trusted, server, upstream)
        finally:
            process.terminate()
            process.wait(10)


@contextmanager
def _serving(upstream: Upstream) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            upstream.seen.append((headers, body))
            said = json.dumps(upstream.claims(headers.get("authorization", ""))).encode()
            if headers.get("upgrade") == "websocket":
                self._open_websocket(headers["sec-websocket-key"], said)
                return
            self.send_response(200)
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_POST = do_DELETE = do_GET  # noqa: N815 - http.server's names

        def _open_websocket(self, key: str, said: bytes) -> None:
            accepted = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()  # noqa: S324
            self.send_response(101)
            self.send_header("upgrade", "websocket")
            self.send_header("connection", "upgrade")
            self.send_header("sec-websocket-accept", base64.b64encode(accepted).decode())
            self.end_headers()
            self.wfile.write(b"\x81\x7e" + len(said).to_bytes(2) + said)
            self.close_connection = True

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        upstream.port = server.server_address[1]
        thread = Thread(target=server.serve_forever, name="upstream")
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join(10)


def certified(folder: Path, called: str = "localhost") -> ssl.SSLContext:
    """Write a certificate for localhost, whose own authority is ``called`` so; return what trusts it."""
    made = certify(x509.DNSName("localhost"), called=called)
    (folder / "app.pem").write_bytes(made.public)
    (folder / "app.key").write_bytes(made.private)
    return ssl.create_default_context(cadata=made.public.decode("ascii"))


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until it listens."""
    deadline = time.monotonic() + 60
    while True:
        assert process.poll() is None, log.read_text(encoding="utf-8")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline, "nginx did not start"
            time.sleep(0.02)
        else:
            return


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
