"""The socket that a server listens on."""

import socket

import pytest

from coatcheck.cli.serving.listening import listen
from coatcheck.errors import Misconfigured


def test_what_is_accepted_sends_at_once() -> None:
    with listen("127.0.0.1", 0, otherwise="") as listener:
        listener.setblocking(True)
        with socket.create_connection(listener.getsockname()):
            accepted, _ = listener.accept()
            with accepted:
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                assert accepted.proto == socket.IPPROTO_TCP, "asyncio looks at this"


def test_a_busy_port_is_said_plainly_with_the_way_out() -> None:
    with listen("127.0.0.1", 0, otherwise="") as listener:
        port = listener.getsockname()[1]
        with pytest.raises(Misconfigured, match="try another: coatcheck serve --port"):
            listen("127.0.0.1", port, otherwise="coatcheck serve --port …")
