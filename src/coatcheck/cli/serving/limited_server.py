"""uvicorn with limits for its clients: how many there may be, and how long they may take."""

import asyncio
import socket
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from coatcheck.cli.serving.configuration import configuration
from coatcheck.cli.serving.deadlines import Deadlines, Watched, watched
from coatcheck.cli.serving.descriptors import Descriptors
from coatcheck.cli.serving.entrance import Entrance

_LOOKED_AT_EVERY: Final = 1.0


class LimitedServer(uvicorn.Server):
    """Serves ``app`` to whom ``descriptors`` has room for, under ``deadlines``. ``protocol`` is one of uvicorn's, and
    ``more`` are settings of uvicorn's."""

    def __init__(
        self,
        app: Any,
        descriptors: Descriptors,
        *,
        deadlines: Deadlines | None = None,
        protocol: type[asyncio.Protocol] = AutoHTTPProtocol,
        **more: Any,
    ) -> None:
        super().__init__(configuration(app, http=watched(protocol, descriptors), **more))
        self._descriptors = descriptors
        self._deadlines = deadlines or Deadlines()
        self._looked_at = 0.0
        self._entrances: list[Entrance] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen; over TLS by ourselves, so that limits hold before a handshake too."""
        tls = self.config.ssl
        if tls is None:
            await super().startup(sockets)
            return
        await super().startup([])
        for listener in sockets or []:
            entrance = Entrance(listener, tls, self._new_protocol, self._has_room_for, self._deadlines.head)
            self._entrances.append(entrance)
            entrance.open()

    def _new_protocol(self) -> asyncio.Protocol:
        """What uvicorn makes for each connection."""
        protocol: Any = self.config.http_protocol_class
        made: asyncio.Protocol = protocol(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return made

    def _has_room_for(self, client: socket.socket) -> bool:
        others = len(self.server_state.connections) + sum(each.shaking_hands for each in self._entrances)
        return self._descriptors.have_room_for(client, others)

    async def on_tick(self, counter: int) -> bool:
        """Once a second look whose client is too slow. Whoever is slow at the end has uvicorn's graceful timeout."""
        now, before = asyncio.get_running_loop().time(), self._looked_at
        if now - before >= _LOOKED_AT_EVERY:
            self._looked_at = now
            for connection in tuple(self.server_state.connections):
                if isinstance(connection, Watched):  # a WebSocket is none
                    connection.look(now, before, self._deadlines)
        return await super().on_tick(counter)

    def stop_accepting(self) -> None:
        """Let nobody in any more."""
        for listening in self.servers:
            listening.close()
        for entrance in self._entrances:
            entrance.close()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End. uvicorn asks the connections there are to end, so none may be made after that."""
        self.stop_accepting()
        for entrance in self._entrances:
            entrance.give_up()
        await super().shutdown(sockets)
