"""``Verifier``: the front door for a service that trusts another server's logins."""

import asyncio
import atexit
import os
from concurrent.futures import Future
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from math import inf
from ssl import SSLContext
from typing import Final, Literal, Self
from weakref import WeakSet

from coatcheck.checking.cache import Remembered
from coatcheck.checking.recall import Policy
from coatcheck.clock import Clock, SystemClock
from coatcheck.errors import Misconfigured, StoreUnavailable
from coatcheck.feed import LONGEST_ACCEPT_MS
from coatcheck.model.principal import CarriedBy, Principal
from coatcheck.verify.address import Address
from coatcheck.verify.credential import Secret, SigningCredential
from coatcheck.verify.following import PATIENCE, Following, Plan
from coatcheck.verify.state import State

_STRICTNESS: Final = {Policy.ACCEPT: 0, Policy.ONLINE: 1, Policy.DENY: 2}
_LONGEST_ACCEPT: Final = timedelta(milliseconds=LONGEST_ACCEPT_MS)
_LONGEST_LEEWAY: Final = timedelta(seconds=60)

PolicyName = Literal["online", "deny", "accept"]


class Verifier:
    """Checks access tokens of the server at ``url`` from this process's memory, and refuses what was revoked there.

    ``url`` is where the server is reached, with the path where Coatcheck is mounted (``/auth`` if left out).
    ``audience`` is what this service is called in tokens, ``credential`` the secret of this service, whose ``feed`` is
    on, or its id and its private key as PEM. ``name`` is what receipts call this process beside the service's own name.
    ``issuer`` is what the server calls itself, where it is reached here under another name.

    ``policy`` decides about a check while nothing has been heard from the server for longer than a lease: ``online``
    asks for that one check, ``deny`` refuses with "try again", ``accept`` goes on for ``accept_for`` (one hour at
    most); receipts then name this process as not bound.

    It starts with the first check, or with ``start`` or as a context manager, and may be used from any thread, from
    asyncio, and after a fork. Raises Misconfigured when the arguments do not fit together.
    """

    def __init__(
        self,
        url: str,
        *,
        audience: str,
        credential: str | tuple[str, str],
        policy: PolicyName = "online",
        accept_for: timedelta = _LONGEST_ACCEPT,
        name: str | None = None,
        issuer: str | None = None,
        leeway: timedelta = timedelta(seconds=30),
        remember_events: int = 1_000_000,
        cache_records: int = 100_000,
        ssl_context: SSLContext | None = None,
        insecure_http: bool = False,
        clock: Clock | None = None,
    ) -> None:
        address = Address.of(url, insecure_http=insecure_http)
        _require(bool(audience), "audience must be what this service is called in access tokens")
        _require(policy in tuple(Policy), "policy must be online, deny or accept")
        _require(timedelta(0) <= accept_for <= _LONGEST_ACCEPT, "accept_for may be one hour at most")
        _require(timedelta(0) <= leeway <= _LONGEST_LEEWAY, "leeway must lie between 0 and 60 s")
        _require(min(remember_events, cache_records) >= 100, "remember_events and cache_records must be 100 or more")
        _require(name is None or (name.isascii() and name.isprintable() and 0 < len(name) <= 100), "name must be short")
        clock, issuer = clock or SystemClock(), issuer or address.issuer
        self._plan = Plan(
            address=address,
            issuer=issuer,
            audience=audience,
            credential=(
                Secret(credential) if isinstance(credential, str) else SigningCredential(*credential, issuer, clock)
            ),
            policy=Policy(policy),
            accept_for=accept_for,
            name=name,
            leeway=leeway,
            remember_events=remember_events,
            cache_records=cache_records,
            ssl_context=ssl_context,
            clock=clock,
        )
        self._following: Following | None = Following(self._plan)
        _living.add(self)

    def __repr__(self) -> str:
        return f"<Verifier of {self._plan.issuer} for {self._plan.audience}>"

    @property
    def issuer(self) -> str:
        """What the server calls itself in tokens."""
        return self._plan.issuer

    @property
    def clock(self) -> Clock:
        """The clocks that checks go by."""
        return self._plan.clock

    # -- checking -----------------------------------------------------------------------------------------------------

    def check(
        self,
        token: bytes | str,
        *,
        carried_by: CarriedBy = CarriedBy.HEADER,
        policy: PolicyName | None = None,
    ) -> Principal:
        """Decide about ``token``: from memory, without I/O. Only what memory can't decide is asked for, and this thread
        waits then, for a few seconds at the most; in asyncio say ``await check_async`` instead.

        ``policy`` may be stricter for this check than the Verifier's. Raises the CredentialRefused that fits,
        CheckingStale or StoreUnavailable when nothing can be decided now.
        """
        decided = self._decide(token, carried_by, policy)
        if isinstance(decided, Remembered):
            return decided.principal
        try:
            return decided.result(PATIENCE).principal
        except TimeoutError:
            decided.cancel()
            raise StoreUnavailable from None

    async def check_async(
        self,
        token: bytes | str,
        *,
        carried_by: CarriedBy = CarriedBy.HEADER,
        policy: PolicyName | None = None,
    ) -> Principal:
        """As ``check``, for asyncio: nothing else waits while the server is asked."""
        decided = self._decide(token, carried_by, policy)
        if isinstance(decided, Remembered):
            return decided.principal
        try:
            async with asyncio.timeout(PATIENCE):
                return (await asyncio.wrap_future(decided)).principal
        except TimeoutError:
            raise StoreUnavailable from None

    def _decide(
        self, token: bytes | str, carried_by: CarriedBy, policy: PolicyName | None
    ) -> "Remembered | Future[Remembered]":
        """What memory says, or what is on its way from the server."""
        presented = token.encode(errors="replace") if isinstance(token, str) else token
        wanted = self._plan.policy if policy is None else self._stricter(policy)
        following = self._alive
        decided = following.deciding.checker.check(presented, carried_by)
        if isinstance(decided, Remembered):
            return decided
        return following.run(following.settle(presented, carried_by, wanted))

    @property
    def state(self) -> State:
        """How much is known now."""
        following, clock = self._alive, self._plan.clock
        lease, position = following.subscriber.lease, following.subscriber.replica.position
        fresh = following.deciding.checker.is_trusted()
        behind_by = None if lease.heard_at == -inf else timedelta(seconds=max(0.0, clock.steady() - lease.heard_at))
        stale_since = None
        if behind_by is not None and not fresh:
            ended = clock.wall() - behind_by.total_seconds() + lease.length
            stale_since = datetime.fromtimestamp(min(ended, clock.wall()), UTC)
        return State(
            fresh=fresh,
            stale_since=stale_since,
            behind_by=behind_by,
            position=None if position is None else str(position),
        )

    # -- life ---------------------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Begin to follow the feed in the background, so that the first check does not have to wait; idempotent. After
        ``close`` it begins anew."""
        if self._following is None:
            self._following = Following(self._plan)
        self._following.start()
        return self

    def close(self) -> None:
        """Stop trusting, say goodbye to the server, end the thread; idempotent. Checks are refused afterwards."""
        following, self._following = self._following, None
        if following is not None:
            following.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _alive(self) -> Following:
        following = self._following
        if following is None:
            raise Misconfigured("this Verifier has been closed")
        return following

    def _stricter(self, policy: PolicyName) -> Policy:
        own = self._plan.policy
        _require(policy in tuple(Policy), "policy must be online, deny or accept")
        _require(
            _STRICTNESS[Policy(policy)] >= _STRICTNESS[own],
            f"one check may be stricter than its Verifier, never laxer: this one's policy is {own.value}",
        )
        return Policy(policy)

    def _forked(self) -> None:
        """In a child process: trust nothing that the parent knew, and register anew (rule 5). The parent's connections
        are left alone: closing one here would say so to the server."""
        if self._following is not None:
            self._following.subscriber.lease.drop()
            _left_to_the_parent.append(self._following)
            self._following = Following(self._plan)


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise Misconfigured(sentence)


_living: WeakSet[Verifier] = WeakSet()
_left_to_the_parent: list[Following] = []


def _after_in_child() -> None:
    for each in list(_living):
        each._forked()


def _at_exit() -> None:
    for each in list(_living):
        with suppress(Exception):
            each.close()


os.register_at_fork(after_in_child=_after_in_child)
atexit.register(_at_exit)
