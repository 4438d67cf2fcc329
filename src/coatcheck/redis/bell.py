"""Wake-ups by publish and subscribe: whoever has committed news says so, and everybody asks the store.

A message is a hint and says nothing (rule 6 of ``docs/revocation.md``). Redis forgets what nobody listens to, and drops
slow listeners; losing messages costs time, at most the fifth of a lease until the next question, never safety.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from hashlib import blake2b
from typing import Final

from redis.asyncio.client import PubSub, Redis
from redis.exceptions import RedisError

from coatcheck.redis.clients import CONNECT_WITHIN, hang_up
from coatcheck.redis.pipeline import Pipeline
from coatcheck.redis.sealing import PREFIX
from coatcheck.tokens.derivation import Secrets

log = logging.getLogger("coatcheck")

CHANGED: Final = b"changed"
"""All that is ever said."""

_SILENCE: Final = 5.0
"""Seconds after which a silent connection is tried."""

_STOP_AGAIN: Final = 0.1
"""Seconds for what is stopped to end, before it is told so again."""


def channel_of(secrets: Secrets) -> str:
    """Where this installation's servers meet; another one in the same Redis has another channel."""
    return f"{PREFIX}bell:{blake2b(key=secrets.current('bell name').key, digest_size=16).hexdigest()}"


class RedisBell:
    """Rings at all servers. ``make`` gives a fresh client to listen with; ``pipeline`` carries what is said."""

    def __init__(self, make: "Callable[[], Redis]", pipeline: Pipeline, secrets: Secrets, *, rest: float = 1.0) -> None:
        self._make = make
        self._pipeline = pipeline
        self._channel = channel_of(secrets)
        self._rest = rest
        self._is_failing = False

    def ring(self) -> None:
        """Tell everybody, if that can be done now."""
        self._pipeline.tell("PUBLISH", self._channel, CHANGED)

    def watch(self, rung: Callable[[], None]) -> Callable[[], None]:
        """Call ``rung`` on the running loop when another process may have rung. Returns the function that stops it."""
        task = asyncio.create_task(self._listen(rung), name="coatcheck-redis-bell")
        loop = asyncio.get_running_loop()

        def stop() -> None:
            if not task.done():  # redis-py may swallow a cancellation (asyncio.wait_for, before Python 3.12)
                task.cancel()
                loop.call_later(_STOP_AGAIN, stop)

        return stop

    async def _listen(self, rung: Callable[[], None]) -> None:
        """For ever: nothing may end it, or nobody here would be woken any more."""
        while True:
            try:
                await self._listen_once(rung)
            except (RedisError, OSError, TimeoutError):
                pass
            except Exception:
                # redis-py takes an answer apart without looking whether it has the shape that it should have.
                if not self._is_failing:
                    log.exception("Listening for wake-ups through Redis failed; it will be tried again")
                self._is_failing = True
            await asyncio.sleep(self._rest * (1 + random.random()))  # noqa: S311 - jitter

    async def _listen_once(self, rung: Callable[[], None]) -> None:
        """Until the connection is of no use any more, and whatever that raises."""
        client = self._make()
        try:
            async with client.pubsub() as ears:
                async with asyncio.timeout(CONNECT_WITHIN):
                    await ears.subscribe(self._channel)
                rung()  # what was said meanwhile was not heard
                await self._hear(ears, rung)
        finally:
            async with asyncio.timeout(CONNECT_WITHIN):
                await hang_up(client)

    async def _hear(self, ears: PubSub, rung: Callable[[], None]) -> None:
        """Until the connection breaks, or does not answer any more. Raises what redis-py raises, TimeoutError."""
        is_tried = False
        while True:
            said = await ears.get_message(timeout=_SILENCE)
            self._is_failing = False
            if said is None:
                if is_tried:
                    raise TimeoutError
                await ears.ping()
                is_tried = True
                continue
            is_tried = False
            if said["type"] == "message":
                rung()
