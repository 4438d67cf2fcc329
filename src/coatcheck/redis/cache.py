"""The second-level cache: an authority around an authority, whose answers to look-ups other processes can use.

What the store answers is noted in Redis. ``recollect`` reads such a note, and never asks the store. Whoever uses it has
to hold a lease and to test the record's stamp in its own replica (rules 8 and 9 of ``docs/revocation.md``): the
record says what was true at its stamp, and the replica knows what came after. A note counts from when the store was
read, so a superseded secret dies in caches within T, however many pass it on. That somebody is unknown, ended,
suspended or within a grace is never noted: such answers come from the store alone.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from coatcheck.authority import Answer, Authority, Found, LookUp, Question
from coatcheck.redis.pipeline import Away, Pipeline
from coatcheck.redis.sealing import Entry, Sealer
from coatcheck.tokens.derivation import Secrets

log = logging.getLogger("coatcheck")


class CachedAuthority:
    """``wall`` is the wall clock, in seconds; ``keep_for`` is T; ``leeway`` is how far another machine's clock may be
    off. See ``authority.Authority``."""

    def __init__(
        self,
        authority: Authority,
        pipeline: Pipeline,
        secrets: Secrets,
        *,
        wall: Callable[[], float],
        keep_for: timedelta,
        leeway: timedelta,
    ) -> None:
        self._authority = authority
        self._pipeline = pipeline
        self._sealer = Sealer(secrets)
        self._wall = wall
        self._keep_for = keep_for
        self._leeway = leeway
        self._has_warned = False

    async def register(self, name: str, accept_ms: int | None) -> str:
        return await self._authority.register(name, accept_ms)

    async def sync(self, question: Question) -> Answer:
        return await self._authority.sync(question)

    async def goodbye(self, registration: str) -> None:
        await self._authority.goodbye(registration)

    async def look_up(self, asked: LookUp) -> Found:
        """Ask the authority, always, and note what it said."""
        asked_at = self._now()
        found = await self._authority.look_up(asked)
        record = found.record
        if record is not None and found.key_is_valid and not record.superseded and self._pipeline.is_up:
            until = min(asked_at + self._keep_for, record.expires_at)
            if until > asked_at:
                name = self._sealer.name(asked)
                sealed = self._sealer.seal(name, Entry(record=record, read_at=asked_at, until=until))
                self._pipeline.tell("SET", name, sealed, "PX", max(1, (until - asked_at) // timedelta(milliseconds=1)))
        return found

    async def recollect(self, asked: LookUp) -> Found | None:
        """What the store said of ``asked`` some time ago; None when that is not known here, or too old.

        It is no decision: see above. ``read_ms`` is how long ago the store was read.
        """
        if not self._pipeline.is_up:
            return None
        name = self._sealer.name(asked)
        try:
            sealed = await self._pipeline.ask("GET", name)
        except Away:
            return None
        if sealed is None:
            return None
        entry = self._sealer.open(name, sealed)
        if entry is None:
            self._warn()
            return None
        now = self._now()
        age = now - entry.read_at
        if not -self._leeway <= age < self._keep_for or now >= entry.until:
            return None
        record = entry.record
        return Found(
            position=record.stamp,
            record=record,
            session_id=record.session_id,
            read_ms=max(0, age // timedelta(milliseconds=1)),
        )

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._wall(), UTC)

    def _warn(self) -> None:
        """Once: who writes there may go on."""
        if not self._has_warned:
            self._has_warned = True
            log.error(
                "Redis holds a record that no server of this installation has made; it was not used, nor will others "
                "be. Somebody else can write to that Redis."
            )
