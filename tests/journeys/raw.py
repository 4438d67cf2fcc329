"""Bytes on the wire, as no client library would send them."""

import socket
from contextlib import suppress

from tests.serving import Serving


def raw_request(serving: Serving, sent: bytes) -> bytes:
    """Send ``sent`` and half-close; return the beginning of what comes back."""
    with socket.create_connection((serving.host, serving.port), timeout=5) as wire:
        wire.sendall(sent)
        wire.shutdown(socket.SHUT_WR)
        with suppress(OSError):
            return wire.recv(65_536)
    return b""
