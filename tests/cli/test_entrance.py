"""The entrance over TLS, when the kernel has nothing left to accept with."""

import asyncio
import errno
import socket
import ssl
from contextlib import closing

import pytest

from coatcheck.cli.serving.entrance import Entrance


class Exhausted(socket.socket):
    """A listening socket that accepts at the second try."""

    tries = 0

    def accept(self) -> tuple[socket.socket, object]:
        self.tries += 1
        if self.tries == 1:
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


@pytest.mark.anyio
async def test_it_pauses_says_so_and_tries_again(caplog: pytest.LogCaptureFixture) -> None:
    seen = asyncio.Event()

    def turn_away(_: socket.socket) -> bool:
        seen.set()
        return False

    with closing(Exhausted()) as listener, closing(socket.socket()) as client:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        client.connect(listener.getsockname())
        entrance = Entrance(listener, ssl.create_default_context(), asyncio.Protocol, turn_away, within=1.0)
        entrance.open()
        async with asyncio.timeout(60):
            await seen.wait()
        entrance.close()
    assert [record.message for record in caplog.records] == ["no client can be let in (too many open files)"]
