"""Attempt counters that all servers share: fixed windows, each counted in one script, so that racing ones all count.

Quicker than the store's, and nothing that the store has to write. Who can write to Redis can reset them, and flushing
it does: it limits guesses, and guards nothing else. While Redis is away the store counts (``passwords.attempts``).
"""

from datetime import timedelta
from hashlib import blake2b
from typing import Final

from coatcheck.redis.pipeline import Away, Pipeline
from coatcheck.redis.sealing import PREFIX
from coatcheck.tokens.derivation import Secrets

_TAKE: Final = """
local count = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 or left > tonumber(ARGV[1]) then
    redis.call('PEXPIRE', KEYS[1], ARGV[1])
    left = tonumber(ARGV[1])
end
return {count, left}
"""
_GIVE_BACK: Final = """
local count = redis.call('GET', KEYS[1])
if count and tonumber(count) > 0 then
    redis.call('DECR', KEYS[1])
end
"""


class RedisCounters:
    """See ``passwords.attempts.SharedCounters``."""

    def __init__(self, pipeline: Pipeline, secrets: Secrets) -> None:
        self._pipeline = pipeline
        self._naming = secrets.current("attempt counter name").key

    async def take(self, key: str, window: timedelta) -> tuple[int, timedelta] | None:
        longest = window // timedelta(milliseconds=1)
        try:
            answer = await self._pipeline.ask("EVAL", _TAKE, 1, self._name(key), longest)
        except Away:
            return None
        match answer:
            case [int(count), int(left)] if count >= 1:
                return count, timedelta(milliseconds=min(max(left, 0), longest))
            case _:
                return None

    def give_back(self, key: str) -> None:
        self._pipeline.tell("EVAL", _GIVE_BACK, 1, self._name(key))

    def _name(self, key: str) -> str:
        """A keyed digest: who reads Redis learns no address, and can't tell whose account is tried."""
        return f"{PREFIX}attempts:{blake2b(key.encode(), key=self._naming, digest_size=24).hexdigest()}"
