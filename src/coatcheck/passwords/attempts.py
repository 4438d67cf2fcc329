"""How many wrong passwords are answered before waiting is asked for (OWASP ASVS 6.1.1, 6.3.1).

An attempt is counted before the password is looked at and uncounted when it was right, so a thousand guesses at once
get no further than a thousand in a row. There are three counters, each a fixed window:

- per network address: somebody who tries many accounts;
- per account, from devices that never logged in to it: many who try one account;
- per account and known device: so that the second counter, which strangers can fill, never locks the owner out.

An account is named by a digest of the canonical e-mail, whether or not there is such a user: limits tell nothing about
who has an account (ASVS 6.3.8). A success uncounts its own attempt and no other one.

The store keeps the counters, or Redis does where there is one: outside of any transaction then, so that what is counted
there is taken back once, whatever becomes of the transaction that follows.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Protocol

from coatcheck.errors import AttemptsExceeded
from coatcheck.passwords.network import network_of
from coatcheck.settings import AttemptSettings
from coatcheck.stores.port import Transaction


@dataclass(frozen=True, slots=True)
class Verdict:
    """May this attempt be answered? Returned, not raised: the counts must be committed first.

    ``over`` names the counter that was over its limit; None when none was. ``taken`` are the store's counters that this
    attempt was counted in, ``shared`` those outside the store; what is taken back from there is no longer listed.
    """

    taken: tuple[str, ...]
    retry_after: timedelta | None = None
    over: str | None = None
    shared: list[str] = field(default_factory=list)

    def require(self) -> None:
        """Raise AttemptsExceeded if there were too many. Call it after the transaction was committed."""
        if self.retry_after is not None:
            raise AttemptsExceeded(self.retry_after)


class SharedCounters(Protocol):
    """Counters of failures in fixed windows, outside the store, for all servers."""

    async def take(self, key: str, window: timedelta) -> tuple[int, timedelta] | None:
        """Count one attempt, atomically and first; the count in this window and how long it lasts. None when they are
        away: nobody knows then, and the store has to count."""
        ...

    def give_back(self, key: str) -> None:
        """Uncount one attempt soon. May be called from any thread."""
        ...


class Attempts:
    """The rules over the counters: the store's, or ``shared`` ones while they answer."""

    def __init__(self, settings: AttemptSettings, shared: SharedCounters | None = None) -> None:
        self._settings = settings
        self._shared = shared

    async def begin_shared(self, *, account: str, device: str | None, address: str) -> Verdict | None:
        """As ``begin``, in the shared counters. None when there are none, or they are away: ask ``begin`` then."""
        if self._shared is None:
            return None
        taken: list[str] = []
        for key, most in self._counters(account, device, address):
            counted = await self._shared.take(key, self._settings.window)
            if counted is None:
                for each in taken:
                    self._shared.give_back(each)
                return None
            taken.append(key)
            count, left = counted
            if count > most:
                return Verdict((), max(left, timedelta(seconds=1)), key, taken)
        return Verdict((), shared=taken)

    def begin(self, tx: Transaction, *, account: str, device: str | None, address: str, now: datetime) -> Verdict:
        """Count an attempt on ``account`` (the canonical e-mail) before its password is verified.

        ``device`` is what ``DeviceTokens.device_of`` returned. An address that is over its limit does not use up the
        account's budget as well.
        """
        taken: list[str] = []
        for key, most in self._counters(account, device, address):
            count, ends_at = tx.attempts.take(key, now, self._settings.window)
            taken.append(key)
            if count > most:
                return Verdict(tuple(taken), max(ends_at - now, timedelta(seconds=1)), key)
        return Verdict(tuple(taken))

    def look(self, tx: Transaction, *, account: str, device: str | None, address: str, now: datetime) -> Verdict:
        """What ``begin`` would say, if that is a refusal already: read, not counted.

        Ask this first. A flood of guesses beyond the limit then costs reads, and no write has to queue behind it.
        """
        for key, most in self._counters(account, device, address):
            known = tx.attempts.peek(key, now)
            if known is not None and known[0] >= most and known[1] <= now + self._settings.window:
                return Verdict((), max(known[1] - now, timedelta(seconds=1)), key)
        return Verdict(())

    def _counters(self, account: str, device: str | None, address: str) -> tuple[tuple[str, int], tuple[str, int]]:
        settings = self._settings
        of_address = (f"address:{network_of(address)}", settings.per_address)
        if device is None:
            return of_address, (f"account:{_digest(account)}", settings.per_account)
        return of_address, (f"device:{_digest(account, device)}", settings.per_device)

    def succeeded(self, tx: Transaction, verdict: Verdict) -> None:
        """Uncount the attempt that ``verdict`` was about: its password was right. In the shared counters that is done
        once, although a transaction may be run again, or undone."""
        for key in verdict.taken:
            tx.attempts.give_back(key)
        if self._shared is not None:
            while verdict.shared:
                self._shared.give_back(verdict.shared.pop())


def _digest(*parts: str) -> str:
    state = blake2b(digest_size=16)
    for part in parts:
        data = part.encode()
        state.update(len(data).to_bytes(4, "big") + data)
    return state.hexdigest()
