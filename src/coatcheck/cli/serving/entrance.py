"""Letting clients in over TLS.

asyncio's own server tells nobody of a connection before its handshake is done, and waits a minute for that: whoever
connects and says nothing takes descriptors that nobody has counted. So here a connection is looked at as soon as it is
accepted, and its handshake has a deadline.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Final

log = logging.getLogger("coatcheck.serve")

_AT_A_TIME: Final = 64
_PAUSE: Final = 1.0
"""Seconds, when the kernel has nothing left to accept with: the next try would fail the same way."""


class Entrance:
    """Accepts at ``listener`` whom ``has_room`` lets in, and gives whoever has shaken hands a ``protocol``.

    ``within`` are the seconds for a handshake.
    """

    def __init__(
        self,
        listener: socket.socket,
        tls: ssl.SSLContext,
        protocol: Callable[[], asyncio.Protocol],
        has_room: Callable[[socket.socket], bool],
        within: float,
    ) -> None:
        self._listener = listener
        self._tls = tls
        self._protocol = protocol
        self._has_room = has_room
        self._within = within
        self._loop = asyncio.get_running_loop()
        self._handshakes: set[asyncio.Task[None]] = set()
        self._pausing: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Begin to accept."""
        self._loop.add_reader(self._listener, self._accept)

    def close(self) -> None:
        """Accept nothing more. Whoever has been accepted may go on."""
        if self._pausing is not None:
            self._pausing.cancel()
        self._loop.remove_reader(self._listener)

    def give_up(self) -> None:
        """Wait for no handshake any more."""
        for handshake in self._handshakes:
            handshake.cancel()

    @property
    def shaking_hands(self) -> int:
        """How many have been let in, and have not shaken hands."""
        return len(self._handshakes)

    def _accept(self) -> None:
        try:
            for _ in range(_AT_A_TIME):
                self._let_in(self._listener.accept()[0])
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # nobody is waiting, or has been let in by another process, or has left
        except OSError as fault:
            log.warning("no client can be let in (%s)", (fault.strerror or str(fault)).lower())
            self._loop.remove_reader(self._listener)
            self._pausing = self._loop.call_later(_PAUSE, self.open)

    def _let_in(self, client: socket.socket) -> None:
        if not self._has_room(client):
            client.close()
            return
        client.setblocking(False)
        handshake = self._loop.create_task(self._shake_hands(client), name="coatcheck-handshake")
        self._handshakes.add(handshake)
        handshake.add_done_callback(self._handshakes.discard)

    async def _shake_hands(self, client: socket.socket) -> None:
        with suppress(OSError):  # whatever a client does wrong, and what is too late
            await self._loop.connect_accepted_socket(
                self._protocol, client, ssl=self._tls, ssl_handshake_timeout=self._within
            )
