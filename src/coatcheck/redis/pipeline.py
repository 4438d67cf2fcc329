"""A pipeline to Redis that never keeps anybody waiting: it is up, or whoever asks does without at once.

Theory of operation. One task holds one connection. While it is up, what is asked meanwhile is sent together, so that
one round trip serves many. An answer that does not come within ``patience`` takes the pipeline down: everybody who
waits is told so, and until it is up again nobody waits at all. Connecting, which takes longer, is this task's business
alone; it tries again after ``rest`` seconds. So a Redis that hangs costs the checks of one moment a few milliseconds
each.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import get_ident
from typing import Any, Final, TypeAlias

from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as TookTooLong

from coatcheck.redis.clients import CONNECT_WITHIN, Client, hang_up

log = logging.getLogger("coatcheck")

Command: TypeAlias = tuple[str | bytes | int, ...]

_AT_ONCE: Final = 128
_MOST_WAITING: Final = 512
_STALL: Final = 0.002
"""Seconds for an answer that is here already: a loop that was busy elsewhere hears the timer before it has read."""

_TROUBLE: Final = (RedisError, OSError, TimeoutError)


class Away(Exception):
    """Redis did not answer, or not in time, or refused. Whoever asked does without."""


class Pipeline:
    """``make`` gives a fresh client. ``patience`` and ``rest`` are in seconds.

    ``lost`` and ``regained`` are what the log says, once each time, when it goes down and when it is up again.
    """

    def __init__(
        self,
        make: Callable[[], Client],
        *,
        patience: float,
        lost: str,
        regained: str,
        rest: float = 3.0,
    ) -> None:
        self._make = make
        self._patience = patience
        self._lost, self._regained = lost, regained
        self._rest = rest
        self._waiting: deque[tuple[Command, asyncio.Future[Any] | None]] = deque()
        self._wake = asyncio.Event()
        self._tried = asyncio.Event()
        self._idle = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._was_lost = False
        self.is_up = False
        """True while commands are answered."""

    async def start(self) -> None:
        """Connect, and go on in the background. Returns although Redis could not be reached, after half a second at the
        most."""
        self._loop, self._thread = asyncio.get_running_loop(), get_ident()
        self._task = asyncio.create_task(self._keep_up(), name="coatcheck-redis")
        with suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                await self._tried.wait()

    async def stop(self) -> None:
        """Say what is still to be said, if that is quick, and hang up."""
        if self._task is None:
            return
        if self.is_up and self._waiting:
            self._idle.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._patience):
                    await self._idle.wait()
        while not self._task.done():  # redis-py may swallow a cancellation (asyncio.wait_for, before Python 3.12)
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=0.1)
        self._task = None
        self._fall()

    async def ask(self, *command: str | bytes | int) -> Any:
        """The answer to one command. Raises Away."""
        if not self.is_up or len(self._waiting) >= _MOST_WAITING:
            raise Away
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append((command, answer))
        self._wake.set()
        return await answer

    def tell(self, *command: str | bytes | int) -> None:
        """Send one command, now or never, and wait for nothing. May be called from any thread."""
        if self._loop is None or not self.is_up or len(self._waiting) >= _MOST_WAITING:
            return
        self._waiting.append((command, None))
        if get_ident() == self._thread:
            self._wake.set()
            return
        with suppress(RuntimeError):  # the loop was closed meanwhile
            self._loop.call_soon_threadsafe(self._wake.set)

    async def _keep_up(self) -> None:
        while True:
            client = self._make()
            try:
                async with asyncio.timeout(CONNECT_WITHIN):
                    await client.initialize()
                    await client.execute_command("PING")
                self._rise()
                await self._serve(client)
            except _TROUBLE as fault:
                self._fall()
                self._say_lost(fault)
            except Exception:
                self._fall()
                log.exception("The pipeline to Redis failed; it will be tried again")
            finally:
                with suppress(*_TROUBLE):
                    async with asyncio.timeout(CONNECT_WITHIN):
                        await hang_up(client)
            await asyncio.sleep(self._rest * (1 + random.random() / 2))  # noqa: S311 - jitter

    async def _serve(self, client: Client) -> None:
        while True:
            while not self._waiting:
                self._idle.set()
                self._wake.clear()
                await self._wake.wait()
            self._idle.clear()
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), _AT_ONCE))]
            try:
                answers = await self._in_time(client, [command for command, _ in batch])
            except BaseException:
                self._waiting.extendleft(reversed(batch))  # they are told with the others
                raise
            for (_, waiting), answer in zip(batch, answers, strict=True):
                if isinstance(answer, Exception):
                    self._say_lost(answer)
                if waiting is not None and not waiting.done():
                    if isinstance(answer, Exception):
                        waiting.set_exception(Away())
                    else:
                        waiting.set_result(answer)
            for answer in answers:
                if isinstance(answer, Exception) and _is_elsewhere(answer):
                    raise answer

    async def _in_time(self, client: Client, commands: list[Command]) -> list[Any]:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(None) as limit:
            timer = loop.call_later(self._patience, lambda: limit.reschedule(loop.time() + _STALL))
            try:
                return await _send(client, commands)
            finally:
                timer.cancel()

    def _rise(self) -> None:
        self.is_up = True
        self._tried.set()
        if self._was_lost:
            self._was_lost = False
            log.warning(self._regained)

    def _fall(self) -> None:
        self.is_up = False
        self._tried.set()
        self._idle.set()
        while self._waiting:
            _, waiting = self._waiting.popleft()
            if waiting is not None and not waiting.done():
                waiting.set_exception(Away())

    def _say_lost(self, fault: Exception) -> None:
        """Once, until it is over. What a server answered is not repeated: it may be anybody's."""
        if not self._was_lost:
            self._was_lost = True
            log.warning("%s (%s)", self._lost, type(fault).__name__)


def _is_elsewhere(answer: Exception) -> bool:
    """True when another connection may do better: this one is broken, or leads to a master that was replaced."""
    return isinstance(answer, ConnectionLost | TookTooLong | OSError) or "READONLY" in str(answer)


async def _send(client: Client, commands: list[Command]) -> list[Any]:
    if len(commands) == 1:
        try:
            return [await client.execute_command(*commands[0])]
        except (ConnectionLost, TookTooLong):
            raise
        except RedisError as refused:
            return [refused]
    async with client.pipeline(transaction=False) as together:
        for command in commands:
            together.execute_command(*command)
        answers: list[Any] = await together.execute(raise_on_error=False)
        return answers
