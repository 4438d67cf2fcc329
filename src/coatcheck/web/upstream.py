"""What an upstream behind a gateway is shown instead of the caller's own credential: a short access token.

Issuing one costs a transaction and a signature, so it is handed out again for half of its life. Each time it is checked
as any other credential would be, which is a look into memory: one that a revocation has reached here, of its session,
its user, its key or everything, is not handed out again. It never outlives the credential that it stands for.
"""

import asyncio
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Final, NamedTuple

from coatcheck.auth import Auth
from coatcheck.checking.cache import Remembered
from coatcheck.clock import now_of
from coatcheck.errors import CredentialRefused, StoreUnavailable, TokenExpired
from coatcheck.model.principal import CarriedBy
from coatcheck.patience import awaited

_LEAST: Final = timedelta(seconds=1)


class _Of(NamedTuple):
    """Whose token it is: callers whose credentials are alike in all of this may share one."""

    session_id: str
    generation: int
    version: int
    expires_at: datetime
    audience: str


class _Kept(NamedTuple):
    token: str
    until: datetime


class UpstreamTokens:
    """The tokens that one installation has issued for upstreams, ``settings.revocation.cache_records`` at most."""

    def __init__(self, auth: Auth) -> None:
        self._auth = auth
        self._kept: dict[_Of, _Kept] = {}
        self._under_way: dict[_Of, asyncio.Task[str]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    async def kept(self, held: Remembered, audience: str) -> str | None:
        """The token that was issued before for the holder of ``held``, if it is good and will be for a while.

        Raises CheckingStale or StoreUnavailable when that can't be decided now.
        """
        of = _of(held, audience)
        kept = self._kept.get(of)
        if kept is None or now_of(self._auth.clock) >= kept.until:
            return None
        try:
            await self._auth.recall(kept.token.encode("ascii"), CarriedBy.HEADER, audience)
        except CredentialRefused:
            self._kept.pop(of, None)
            return None
        return kept.token

    async def issue(self, held: Remembered, audience: str) -> str:
        """A new token for the holder of ``held``; requests that come at once get the same one.

        Raises TokenExpired when the credential has no time left to hand on, SessionEnded, RequestInvalid for an
        audience that is not offered, StoreUnavailable.
        """
        of = _of(held, audience)
        task = self._under_way.get(of)
        if task is None:
            task = self._under_way[of] = asyncio.create_task(self._issue(of, held))
            task.add_done_callback(lambda done: self._landed(of, done))
        return await awaited(task)

    async def _issue(self, of: _Of, held: Remembered) -> str:
        now = now_of(self._auth.clock)
        until = min(now + self._auth.settings.tokens.upstream_for, of.expires_at)
        if until - now < _LEAST:
            raise TokenExpired
        issued = await self._auth.exchange_session(held, audience=of.audience, until=until)
        if issued.access_token is None or issued.access_expires_at is None:
            raise StoreUnavailable
        self._keep(of, _Kept(issued.access_token, now + (issued.access_expires_at - now) / 2), now)
        return issued.access_token

    def _landed(self, of: _Of, task: "asyncio.Task[str]") -> None:
        del self._under_way[of]
        if not task.cancelled():
            task.exception()  # heard of by whoever waits; nobody does when all have hung up

    def _keep(self, of: _Of, kept: _Kept, now: datetime) -> None:
        """Remember at the end; forgets what is over, which stands at the beginning, and the oldest when full."""
        self._kept.pop(of, None)
        forgotten = list(takewhile(lambda each: self._kept[each].until <= now, self._kept))
        most = self._auth.settings.revocation.cache_records
        if len(self._kept) - len(forgotten) >= most:
            forgotten = list(islice(self._kept, len(forgotten) + most // 16 + 1))
        for each in forgotten:
            del self._kept[each]
        self._kept[of] = kept


def _of(held: Remembered, audience: str) -> _Of:
    credential = held.credential
    return _Of(held.session_id, credential.generation, credential.version, held.principal.expires_at, audience)
