"""A few connections on the event loop itself, for what every first sight of a credential waits for.

Handing one statement to a thread, and its answer back, costs as much as the statement does. Nothing here is a
transaction: a question is one statement, and right by itself.
"""

import asyncio
from collections import deque
from contextlib import suppress
from typing import Any, Final

import psycopg
from psycopg import waiting
from psycopg.rows import TupleRow

from coatcheck.errors import StoreUnavailable
from coatcheck.patience import time_left
from coatcheck.stores.postgres.addresses import resolved
from coatcheck.stores.postgres.breaking_off import cut
from coatcheck.stores.postgres.connect import BUSY, TIMEOUTS_MS, has_been_spoken_to, setup_statements
from coatcheck.stores.sql.driver_statement import CompiledStatement
from coatcheck.stores.sql.worker import Worker

_LOOKS_EVERY: Final = 0.1
"""Seconds between two looks of the driver whether it was interrupted. Its default would keep the event loop busy."""

_SETUP_PATIENCE: Final = 3.0
"""Seconds. The driver limits by itself how long it waits for each address, but not what is asked first."""


class _Connection(psycopg.AsyncConnection[TupleRow]):
    """A connection whose question may be given up: it is of no more use then."""

    async def wait(self, gen: Any, interval: float = _LOOKS_EVERY, *more: Any, **limits: Any) -> Any:
        """As the driver's own, with whatever limits its version knows, until nobody waits any more: then the connection
        is closed."""
        try:
            return await waiting.wait_async(gen, self.pgconn.socket, interval, *more, **limits)
        except asyncio.CancelledError:
            self.pgconn.finish()  # the driver would wait for a server that may not answer to cancel it
            raise


class LookUpConnections:
    """Up to ``most`` connections of the running event loop. Whoever comes first is served first, and each is answered
    within ``patience`` seconds, or what is left of the caller's own, be it with StoreUnavailable.

    A connection that takes longer to be made is for whoever asks next.
    """

    def __init__(self, parameters: str, *, most: int, patience: float) -> None:
        self.loop: Final = asyncio.get_running_loop()
        self._parameters = parameters
        self._patience = patience
        self._places = most
        self._idle: list[_Connection] = []
        self._unclaimed: list[asyncio.Task[_Connection]] = []
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_closed = False
        self._resolver = Worker("coatcheck resolver")

    async def ask(self, statement: CompiledStatement, arguments: Any) -> list[Any]:
        """The rows. Raises the driver's errors, StoreUnavailable."""
        seconds = min(self._patience, time_left())
        if not seconds:
            raise StoreUnavailable(BUSY)
        until = self.loop.time() + seconds
        await self._take_place(until)
        connection: _Connection | None = None
        try:
            connection = await self._ready(until)
            limit = self.loop.call_at(until, cut, connection.fileno())
            try:
                answer = await connection.execute(statement.text, arguments)
                rows = statement.rows(answer, await answer.fetchall())
            finally:
                limit.cancel()
            if not self._is_closed:
                self._idle.append(connection)
                connection = None
            return rows
        finally:
            if connection is not None:
                await connection.close()
            self._give_place()

    def rest(self) -> None:
        """Close the connections over which nobody asks at the moment."""
        idle, self._idle = self._idle, []  # whoever forks may be another thread
        for connection in idle:
            connection.pgconn.finish()

    def close(self) -> None:
        """Close every connection, as soon as nobody asks over it any more."""
        self._is_closed = True
        self.rest()
        with suppress(RuntimeError):  # the loop is closed: nothing is under way
            self.loop.call_soon_threadsafe(self._break_off_unclaimed)
        self._resolver.stop(0)

    async def _ready(self, until: float) -> _Connection:
        """The connection that worked last, or a new one; see ``crew.Line.ready`` for those that the server closed."""
        if self._is_closed:
            raise StoreUnavailable(BUSY)
        while self._idle:
            connection = self._idle.pop()
            if not has_been_spoken_to(connection):
                return connection
            await connection.close()
        # No more are under way than there are places: each is somebody's who has one, or the next one's.
        connecting = self._unclaimed.pop(0) if self._unclaimed else self._begin_to_connect()
        try:
            await asyncio.wait([connecting], timeout=until - self.loop.time())
        except asyncio.CancelledError:
            self._leave(connecting)
            raise
        if not connecting.done():
            self._leave(connecting)
            raise StoreUnavailable(BUSY)
        return connecting.result()

    def _begin_to_connect(self) -> asyncio.Task[_Connection]:
        return self.loop.create_task(self._connect(), name="coatcheck-look-up-connection")

    def _leave(self, connecting: asyncio.Task[_Connection]) -> None:
        """Nobody waits for it any longer; the next one who needs a connection may."""
        self._unclaimed.append(connecting)
        connecting.add_done_callback(self._keep)
        if self._is_closed:
            connecting.cancel()

    def _keep(self, connected: asyncio.Task[_Connection]) -> None:
        if connected not in self._unclaimed:
            return  # whoever waits for it now has it
        self._unclaimed.remove(connected)
        if connected.cancelled() or connected.exception() is not None:
            return
        if self._is_closed:
            connected.result().pgconn.finish()
        else:
            self._idle.append(connected.result())

    def _break_off_unclaimed(self) -> None:
        for connecting in self._unclaimed:
            connecting.cancel()

    async def _connect(self) -> _Connection:
        parameters = await self._resolver.run(lambda: resolved(self._parameters))
        connection = await _Connection.connect(parameters, autocommit=True)
        try:
            async with asyncio.timeout(_SETUP_PATIENCE):
                await connection.execute(setup_statements(TIMEOUTS_MS))
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _take_place(self, until: float) -> None:
        if self._places:
            self._places -= 1
            return
        turn = self.loop.create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout_at(until):
                await turn
        except BaseException as fault:
            if turn.done() and not turn.cancelled():  # it came at the same moment
                self._give_place()
            if isinstance(fault, TimeoutError):
                raise StoreUnavailable(BUSY) from None
            raise

    def _give_place(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._places += 1
