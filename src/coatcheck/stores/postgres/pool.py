"""A few connections on the event loop itself, for what every first sight of a credential waits for.

Handing one statement to a thread, and its answer back, costs as much as the statement does. Nothing here is a
transaction: a question is one statement, and right by itself.
"""

import asyncio
from collections import deque
from typing import Any, Final

import psycopg
from psycopg import waiting
from psycopg.rows import TupleRow

from coatcheck.errors import StoreUnavailable
from coatcheck.stores.patience import time_left
from coatcheck.stores.postgres.connect import BUSY, SESSION, as_wanted, cut, has_been_spoken_to
from coatcheck.stores.sql.direct import Written


class LoopWire(psycopg.AsyncConnection[TupleRow]):
    """A connection whose question may be given up: it is of no more use then."""

    async def wait(self, gen: Any, *given: Any, **named: Any) -> Any:
        """As the driver's own, until nobody waits any more: then the connection is closed."""
        try:
            return await waiting.wait_async(gen, self.pgconn.socket, *given, **named)
        except asyncio.CancelledError:
            self.pgconn.finish()  # the driver would wait for a server that may not answer to cancel it
            raise


class Pool:
    """Up to ``most`` connections of the running event loop. Whoever comes first is served first, and each is answered
    within ``patience`` seconds, or what is left of the caller's own, be it with StoreUnavailable."""

    def __init__(self, parameters: str, *, most: int, patience: float) -> None:
        self.loop: Final = asyncio.get_running_loop()
        self._parameters = parameters
        self._patience = patience
        self._places = most
        self._idle: list[LoopWire] = []
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_closed = False

    async def ask(self, written: Written, arguments: Any) -> list[Any]:
        """The rows. Raises the driver's errors, StoreUnavailable."""
        until = self.loop.time() + min(self._patience, time_left())
        await self._take_place(until)
        wire: LoopWire | None = None
        try:
            wire = await self._ready(until)
            limit = self.loop.call_at(until, cut, wire.fileno())
            try:
                answer = await wire.execute(written.text, arguments)
                rows = written.rows(answer, await answer.fetchall())
            finally:
                limit.cancel()
            if not self._is_closed:
                self._idle.append(wire)
                wire = None
            return rows
        finally:
            if wire is not None:
                await wire.close()
            self._give_place()

    def rest(self) -> None:
        """Close the connections over which nobody asks at the moment."""
        while self._idle:
            wire = self._idle.pop()
            wire.pgconn.finish()

    def close(self) -> None:
        """Close every connection, as soon as nobody asks over it any more."""
        self._is_closed = True
        self.rest()

    async def _ready(self, until: float) -> LoopWire:
        """The connection that worked last, or a new one; see ``crew.Line.ready`` for those that the server closed."""
        while self._idle:
            wire = self._idle.pop()
            if not has_been_spoken_to(wire):
                return wire
            await wire.close()
        try:
            async with asyncio.timeout_at(until):
                return await self._connect()
        except TimeoutError:
            raise StoreUnavailable(BUSY) from None

    async def _connect(self) -> LoopWire:
        wire = await LoopWire.connect(self._parameters, autocommit=True)
        try:
            await wire.execute(as_wanted(SESSION))
        except BaseException:
            await wire.close()
            raise
        return wire

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
