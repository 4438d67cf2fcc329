"""Connections that stay open after their check: a WebSocket, an event stream. Each is ended when its login is.

Theory of operation. All of them are looked at again when this process has applied something new, and a few times in
each lease. That is a few comparisons each, in memory, and needs no task for any of them. What memory can't decide is
asked of the store, as it is for requests, and by the same policy: when the lease has run out, and for a session token
after T. So a connection does not outlive its login by more than a check would be late, and an answer that is awaited.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from itertools import islice
from math import inf
from typing import Any, Final

from coatcheck.checking.cache import Remembered
from coatcheck.checking.checker import Checker
from coatcheck.errors import AuthError, CheckingStale, TokenOutdated
from coatcheck.model.principal import CarriedBy

AT_ONCE: Final = 64
"""How many questions may be under way at once."""

GOODBYE_PATIENCE: Final = 5.0
"""Seconds in which a client must take that it is over: who does not read may not keep anything of ours alive."""

STOP_PATIENCE: Final = 1.0
"""Seconds for the same when this process stops."""


class Live:
    """One open connection. ``remembered`` is what let it in; ``end(error)`` shuts it at once, so that nothing passes
    any more, and returns what remains to be done to say so to the client.

    ``known_at`` is the steady clock before the last question whose answer let it stay.
    """

    __slots__ = ("carried_by", "end", "known_at", "remembered", "token")

    def __init__(
        self,
        token: bytes,
        carried_by: CarriedBy,
        remembered: Remembered,
        end: Callable[[AuthError], Coroutine[Any, Any, None]],
    ) -> None:
        self.token = token
        self.carried_by = carried_by
        self.remembered = remembered
        self.end = end
        self.known_at = -inf

    def __repr__(self) -> str:
        return "Live(…)"


class LiveConnections:
    """Every open connection of this process. ``recall`` decides about a credential, asking the store if need be."""

    def __init__(self, checker: Checker, recall: Callable[[bytes, CarriedBy], Awaitable[Remembered]]) -> None:
        self._checker = checker
        self._recall = recall
        self._open: set[Live] = set()
        self._doubted_at: dict[Live, float] = {}
        self._asking: asyncio.Task[None] | None = None
        self._goodbyes: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._open)

    def add(self, live: Live) -> None:
        """Look after a connection that has just been let in, until it is removed or ended."""
        self._open.add(live)
        if not self._stands(live) or not self._checker.is_trusted():
            self._doubt([live])

    def remove(self, live: Live) -> None:
        """The connection has ended by itself."""
        self._open.discard(live)
        self._doubted_at.pop(live, None)

    def look(self) -> None:
        """Look at every connection again."""
        if not self._open:
            return
        checker = self._checker
        doubtful = [live for live in tuple(self._open) if not self._stands(live)]
        if not checker.is_trusted():  # read last, when all have been tested (rule 8)
            long_ago = checker.steady() - checker.lease.length
            doubtful += [live for live in self._open if live.known_at <= long_ago]
        self._doubt(doubtful)

    async def stop(self) -> None:
        """End them all: nobody will look after them any longer."""
        if self._asking is not None:
            self._asking.cancel()
        for live in tuple(self._open):
            self._end(live, CheckingStale())
        if self._goodbyes:
            _, pending = await asyncio.wait(self._goodbyes, timeout=STOP_PATIENCE)
            for goodbye in pending:
                goodbye.cancel()

    def _stands(self, live: Live) -> bool:
        """False when the store has to be asked; ends what can be decided here."""
        try:
            return self._checker.look_again(live.remembered)
        except AuthError as refusal:
            self._end(live, refusal)
            return True

    def _doubt(self, doubtful: Iterable[Live]) -> None:
        """Have the store asked. Whoever could not be let stay within a lease has to go."""
        now, doubted_at = self._checker.steady(), self._doubted_at
        for live in doubtful:
            if now - doubted_at.setdefault(live, now) >= self._checker.lease.length:
                self._end(live, CheckingStale())
        if doubted_at and (self._asking is None or self._asking.done()):
            self._asking = asyncio.create_task(self._ask_all(), name="coatcheck-live")

    async def _ask_all(self) -> None:
        while some := list(islice(self._doubted_at, AT_ONCE)):
            await asyncio.gather(*map(self._ask, some))

    async def _ask(self, live: Live) -> None:
        asked_at, before = self._checker.steady(), live.remembered.credential
        try:
            again = await self._recall(live.token, live.carried_by)
        except AuthError as error:
            self._end(live, error)
            return
        finally:
            self._doubted_at.pop(live, None)
        now = again.credential
        if (now.version, now.generation) != (before.version, before.generation):
            self._end(live, TokenOutdated())  # what it was let in with, such as roles, is true no more
        live.remembered, live.known_at = again, asked_at

    def _end(self, live: Live, error: AuthError) -> None:
        if live not in self._open:
            return
        self.remove(live)
        goodbye = asyncio.create_task(_within_patience(live.end(error)), name="coatcheck-goodbye")
        self._goodbyes.add(goodbye)
        goodbye.add_done_callback(self._goodbyes.discard)


async def _within_patience(goodbye: Coroutine[Any, Any, None]) -> None:
    with suppress(Exception):  # the client may be gone, and the server say so in its own way
        async with asyncio.timeout(GOODBYE_PATIENCE):
            await goodbye
