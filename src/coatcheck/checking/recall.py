"""The awaited miss: settling a doubt with the store, under the policy (rule 8)."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from enum import StrEnum

from msgspec import structs

from coatcheck.authority import Found, LookUp
from coatcheck.checking.cache import Remembered
from coatcheck.checking.checker import Checker
from coatcheck.checking.doubt import Doubt, Reason
from coatcheck.errors import Broken, CheckingStale, CredentialRefused, StoreUnavailable, TokenInvalid
from coatcheck.model.principal import CarriedBy


class Policy(StrEnum):
    """What decides when the lease has run out."""

    ONLINE = "online"
    DENY = "deny"
    ACCEPT = "accept"


class Recall:
    """Asks on behalf of a checker.

    ``look_up(asked, fresh)`` asks the authority; with ``fresh`` the read must begin after the call, otherwise an answer
    already under way may be shared. ``recollect(asked)`` tells what was read some time ago, perhaps by another process,
    or None; it is asked under the lease only, and what it tells is tested. ``learn_keys()`` runs one bounded sync for
    an unknown key and says whether it ran. With ``shows_token`` the authority is shown the credential itself: it is
    elsewhere, and has to check it too.
    """

    def __init__(
        self,
        checker: Checker,
        *,
        look_up: Callable[[LookUp, bool], Awaitable[Found]],
        learn_keys: Callable[[], Awaitable[bool]],
        policy: Policy,
        accept_for: timedelta,
        shows_token: bool = False,
        recollect: Callable[[LookUp], Awaitable[Found | None]] | None = None,
    ) -> None:
        self._checker = checker
        self._look_up = look_up
        self._learn_keys = learn_keys
        self._policy = policy
        self._accept_for = accept_for
        self._shows_token = shows_token
        self._recollect = recollect

    async def check(
        self, token: bytes, carried_by: CarriedBy = CarriedBy.HEADER, audience: str | None = None
    ) -> Remembered:
        """Decide about ``token``, asking the store if need be.

        Raises the CredentialRefused that fits, CheckingStale when the policy forbids to decide now, StoreUnavailable
        when the store had to be asked and can't be.
        """
        decided = self._checker.check(token, carried_by, audience)
        return decided if isinstance(decided, Remembered) else await self.settle(decided)

    async def settle(self, doubt: Doubt) -> Remembered:
        """Decide about a credential that memory alone could not decide about. Raises as ``check`` does."""
        if doubt.reason is Reason.UNKNOWN_KEY:
            decided = await self._with_newer_keys(doubt)
            if isinstance(decided, Remembered):
                return decided
            doubt = decided
        tally = self._checker.tally
        try:
            remembered = await self._settle(doubt)
        except CredentialRefused:
            tally.online_refused += 1
            raise
        except Broken:
            tally.online_try_again += 1
            raise
        tally.online_accepted += 1
        return remembered

    async def _settle(self, doubt: Doubt) -> Remembered:
        if doubt.reason is Reason.DENIED:
            raise CheckingStale
        if self._checker.is_trusted():
            remembered = await self._ask_nearby(doubt) or await self._ask_along(doubt)
            if remembered is not None:
                return remembered
        elif self._policy is Policy.DENY:
            raise CheckingStale
        elif doubt.remembered is not None and self._may_accept(doubt):
            return doubt.remembered
        return await self._ask_afresh(doubt)

    def _may_accept(self, doubt: Doubt) -> bool:
        known = doubt.remembered
        if self._policy is not Policy.ACCEPT or doubt.reason is not Reason.NO_LEASE or known is None:
            return False
        if not self._checker.may_accept(self._accept_for):
            return False
        return known.credential.passed == self._checker.replica.state  # else news came between the test and now

    async def _with_newer_keys(self, doubt: Doubt) -> Remembered | Doubt:
        tally = self._checker.tally
        if not await self._learn_keys():
            tally.online_try_again += 1
            raise CheckingStale
        decided = self._checker.check(doubt.token, doubt.carried_by, doubt.audience)
        if isinstance(decided, Doubt) and decided.reason is Reason.UNKNOWN_KEY:
            tally.online_refused += 1
            raise TokenInvalid
        return decided

    async def _ask_nearby(self, doubt: Doubt) -> Remembered | None:
        """Use what was read some time ago: sound only if its stamp can be tested here, and passes under the lease
        (rules 8 and 9). It never decides that a login went idle (rule 11). None when there is no such thing: then the
        store is asked."""
        found = None if self._recollect is None else await self._recollect(self._asked(doubt))
        if found is None:
            return None
        try:
            remembered = self._checker.take(doubt, found)
        except CredentialRefused:
            return None
        return self._tested_again(doubt, remembered)

    async def _ask_along(self, doubt: Doubt) -> Remembered | None:
        """Share an answer that may have been under way before the check began: sound only if the credential passes
        again, under the lease. None when it does not.

        An answer from before what is known here is tested like one that was read some time ago, and refuses nobody:
        what it did not find may be there by now. A server is often behind the services that ask it, for a moment."""
        known = self._checker.replica.position
        found = await self._look_up(self._asked(doubt), False)
        try:
            remembered = self._checker.take(doubt, found)
        except CredentialRefused:
            if known is not None and found.position < known:
                return None
            raise
        return self._tested_again(doubt, remembered)

    def _tested_again(self, doubt: Doubt, remembered: Remembered) -> Remembered | None:
        """``remembered``, which was just taken, if it passes here under the lease."""
        tally = self._checker.tally
        try:
            again = self._checker.check(doubt.token, doubt.carried_by, doubt.audience)
        except CredentialRefused:
            tally.again_refused += 1
            raise
        if isinstance(again, Remembered):
            tally.again_accepted += 1
        return remembered if again is remembered else None

    async def _ask_afresh(self, doubt: Doubt) -> Remembered:
        """Take the store's word, read after the check began. An answer that took as long as a lease lasts, with the age
        that it had already, is too old: a revocation must hold everywhere by then."""
        checker, known = self._checker, self._checker.replica.position
        asked_at = checker.steady()
        found = await self._look_up(self._asked(doubt), True)
        if known is not None and found.position < known:
            raise StoreUnavailable  # a standby that lags behind what was already applied here (rule 4)
        remembered = checker.take(doubt, found)
        if checker.steady() - asked_at + found.age_ms / 1000 >= checker.lease.length:
            raise StoreUnavailable
        return remembered

    def _asked(self, doubt: Doubt) -> LookUp:
        if doubt.asked is None:
            raise TokenInvalid
        return structs.replace(doubt.asked, token=doubt.token) if self._shows_token else doubt.asked
