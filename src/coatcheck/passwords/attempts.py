"""How many wrong passwords are answered before waiting is asked for (OWASP ASVS 6.1.1, 6.3.1).

An attempt is counted before the password is looked at and uncounted when it was right, so a thousand guesses at once
get no further than a thousand in a row. There are three counters, each a fixed window:

- per network address: somebody who tries many accounts;
- per account, from devices that never logged in to it: many who try one account;
- per account and known device: so that the second counter, which strangers can fill, never locks the owner out.

An account is named by a digest of the canonical e-mail, whether or not there is such a user: limits tell nothing about
who has an account (ASVS 6.3.8). A success uncounts its own attempt and no other one.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b

from coatcheck.errors import AttemptsExceeded
from coatcheck.passwords.network import network_of
from coatcheck.settings import AttemptSettings
from coatcheck.stores.port import Transaction


@dataclass(frozen=True, slots=True)
class Verdict:
    """May this attempt be answered? Returned, not raised: the counts must be committed first.

    ``over`` names the counter that was over its limit; None when none was.
    """

    taken: tuple[str, ...]
    retry_after: timedelta | None = None
    over: str | None = None

    def require(self) -> None:
        """Raise AttemptsExceeded if there were too many. Call it after the transaction was committed."""
        if self.retry_after is not None:
            raise AttemptsExceeded(self.retry_after)


class Attempts:
    """The rules over the store's counters."""

    def __init__(self, settings: AttemptSettings) -> None:
        self._settings = settings

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
        """Uncount the attempt that ``verdict`` was about: its password was right."""
        for key in verdict.taken:
            tx.attempts.give_back(key)


def _digest(*parts: str) -> str:
    state = blake2b(digest_size=16)
    for part in parts:
        data = part.encode()
        state.update(len(data).to_bytes(4, "big") + data)
    return state.hexdigest()
