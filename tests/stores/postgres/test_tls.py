"""TLS to PostgreSQL, as docs/running-many-servers.md writes it: ``sslmode=verify-full`` with the file of a CA.

PostgreSQL here is built without TLS, so it is spoken in front of it: what is asked for at the start of a connection is
answered as PostgreSQL does (its protocol, "SSL Session Encryption"), and libpq can't tell the difference.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
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


class Sealed:
    """PostgreSQL over TLS on ``port``: ``connections`` were made, and none without TLS is taken."""

    def __init__(self, url: str, folder: Path) -> None:
        parts = urlsplit(url)
        self._there = parts.hostname, parts.port
        self._plain = parts
        self.folder = folder
        self.port = self.connections = 0
        self._answering: set[asyncio.Task[None]] = set()

    def url(self, ca: Path, host: str = "localhost") -> str:
        """The page's, with another host and another file."""
        query = ON_THE_PAGE.replace("/etc/coatcheck/database-ca.pem", str(ca))
        return urlunsplit(self._plain._replace(netloc=f"postgres@{host}:{self.port}")) + query

    def begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        answering = asyncio.create_task(self._answer(reader, writer))
        self._answering.add(answering)
        answering.add_done_callback(self._answering.discard)

    async def end(self) -> None:
        """Hang up on whoever is still there."""
        for answering in self._answering:
            answering.cancel()
        await asyncio.gather(*self._answering, return_exceptions=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        transports = [writer.transport]
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            assert await reader.readexactly(8) == SSL_REQUEST
            writer.write(b"S")
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.folder / "app.pem", self.folder / "app.key")
            await writer.start_tls(context)
            self.connections += 1
            onward_reader, onward = await asyncio.open_connection(*self._there)
            transports += [writer.transport, onward.transport]
            async with asyncio.TaskGroup() as both:
                both.create_task(_pass_on(reader, onward))
                both.create_task(_pass_on(onward_reader, writer))
        for transport in transports:  # asyncio forgets the first where the handshake is refused
            transport.abort()
        await asyncio.sleep(0.01)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while heard := await reader.read(65536):
            writer.write(heard)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def sealed(url: str, folder: Path) -> AsyncIterator[Sealed]:
    """TLS before the database, with a certificate for localhost."""
    certified(folder)
    before = Sealed(url, folder)
    server = await asyncio.start_server(before.begin, "127.0.0.1", 0)
    before.port = server.sockets[0].getsockname()[1]
    async with server:
        yield before
    await before.end()


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
    async with sealed(postgres_url, folder) as before:
        await log_in(before.url(folder / "app.pem"))
        assert before.connections >= 3


async def test_another_ca_or_another_name_is_not_connected_to(postgres_url: str, folder: Path, tmp_path: Path) -> None:
    certified(tmp_path)
    async with sealed(postgres_url, folder) as before:
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
    async with sealed(postgres_url, folder) as before:
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
