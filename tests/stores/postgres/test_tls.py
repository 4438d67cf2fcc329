"""TLS to PostgreSQL, as docs/running-many-servers.md writes it: ``sslmode=verify-full`` with the file of a CA.

PostgreSQL here is built without TLS, so it is spoken in front of it: what is asked for at the start of a connection is
answered as PostgreSQL does (its protocol, "SSL Session Encryption"), and libpq can't tell the difference.
"""

import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from select import select
from urllib.parse import urlsplit, urlunsplit

import pytest

from coatcheck import Auth, Settings
from coatcheck.errors import StoreUnavailable
from coatcheck.settings import RevocationSettings
from coatcheck.testing import fast_passwords
from tests.conftest import SECRET
from tests.nginx import certified
from tests.surface.documents import text_of

pytestmark = pytest.mark.anyio
SSL_REQUEST = bytes.fromhex("0000000804d2162f")
ON_THE_PAGE = "?sslmode=verify-full&sslrootcert=/etc/coatcheck/database-ca.pem"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the server has its certificate."""
    made = tmp_path / "server"
    made.mkdir()
    return made


class Sealed(socketserver.ThreadingTCPServer):
    """PostgreSQL over TLS on ``port``: ``connections`` were made, and none without TLS is taken."""

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self._plain = urlsplit(url)
        self.there = self._plain.hostname, self._plain.port
        self.folder = folder
        self.port: int = self.server_address[1]
        self.connections = 0
        self.is_over = False

    def url(self, ca: Path, host: str = "localhost") -> str:
        """The page's, with another host and another file."""
        query = ON_THE_PAGE.replace("/etc/coatcheck/database-ca.pem", str(ca))
        return urlunsplit(self._plain._replace(netloc=f"postgres@{host}:{self.port}")) + query


class _Connection(socketserver.BaseRequestHandler):
    server: Sealed

    def handle(self) -> None:
        with suppress(OSError):  # whoever does not like the certificate leaves
            if self.request.recv(len(SSL_REQUEST), socket.MSG_WAITALL) != SSL_REQUEST:
                return
            self.request.sendall(b"S")
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.server.folder / "app.pem", self.server.folder / "app.key")
            with (
                context.wrap_socket(self.request, server_side=True) as near,
                socket.create_connection(self.server.there) as far,
            ):
                self.server.connections += 1
                self._pass_on(near, far)

    def _pass_on(self, near: ssl.SSLSocket, far: socket.socket) -> None:
        """Until one of them leaves."""
        while not self.server.is_over:
            for one in [near] if near.pending() else select([near, far], [], [], 0.1)[0]:
                heard = one.recv(65536)
                if not heard:
                    return
                (far if one is near else near).sendall(heard)


@contextmanager
def sealed(url: str, folder: Path) -> Iterator[Sealed]:
    """TLS before the database, with a certificate for localhost."""
    certified(folder)
    with Sealed(url, folder) as before:
        serving = threading.Thread(target=before.serve_forever, args=(0.05,))
        serving.start()
        try:
            yield before
        finally:
            before.is_over = True
            before.shutdown()
            serving.join()


def installation(database: str) -> Auth:
    # the lease is long, so that nothing but the test asks the store
    revocation = RevocationSettings(lease=Settings().revocation.lease * 10)
    return Auth(Settings(database=database, secrets=(SECRET,), passwords=fast_passwords(), revocation=revocation))


async def log_in(database: str) -> None:
    """Start, make an account or find it, log in, and stop: over every kind of connection that there is."""
    async with installation(database) as auth:
        if not await auth.find_users(query="ann@example.com"):
            await auth.create_user("ann@example.com", "three quiet herons wade")
        login = await auth.login("ann@example.com", "three quiet herons wade")
        assert login.user.email == "ann@example.com"


async def test_with_the_file_of_the_ca_every_connection_is_sealed(postgres_url: str, folder: Path) -> None:
    assert ON_THE_PAGE in text_of("docs/running-many-servers.md")
    with sealed(postgres_url, folder) as before:
        await log_in(before.url(folder / "app.pem"))
        assert before.connections >= 3


async def test_another_ca_or_another_name_is_not_connected_to(postgres_url: str, folder: Path, tmp_path: Path) -> None:
    certified(tmp_path)
    with sealed(postgres_url, folder) as before:
        for url in (
            before.url(tmp_path / "app.pem"),
            before.url(folder / "app.pem", host="127.0.0.1"),
            before.url(tmp_path / "nowhere.pem"),
        ):
            with pytest.raises(StoreUnavailable):
                await log_in(url)


async def test_a_new_certificate_beside_the_old_one_in_the_file_is_believed_without_a_restart(
    postgres_url: str, folder: Path, tmp_path: Path
) -> None:
    ca = tmp_path / "database-ca.pem"
    with sealed(postgres_url, folder) as before:
        ca.write_bytes((before.folder / "app.pem").read_bytes())
        await log_in(before.url(ca))
        async with installation(before.url(ca)) as auth:
            await auth.find_users()
            old = ca.read_bytes()
            certified(before.folder, called="another authority")
            new = (before.folder / "app.pem").read_bytes()
            with pytest.raises(StoreUnavailable):
                await log_in(before.url(ca))
            ca.write_bytes(old + new)
            await log_in(before.url(ca))
            assert await auth.find_users(query="ann@example.com"), "what was connected before goes on"
