"""The check: one credential against local memory.

Theory of operation. What was presented is named by a keyed digest and looked up among the remembered. A remembered
credential is tested against the clock and against the replica (again only when the replica has learned something), and
the lease's clock is read last, after all look-ups: whatever a check decided from, it was covered by the lease at the
end (rule 8). In the steady state that is a digest, a look-up and a few comparisons; no socket, file, lock or thread
(P6). What can't be decided so is returned as a Doubt, for ``coatcheck.checking.recall``.
"""

from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from math import inf
from typing import Protocol

from coatcheck.authority import Found, LookUp
from coatcheck.checking.cache import Cache, Remembered
from coatcheck.checking.doubt import Doubt, Reason
from coatcheck.checking.keys import CheckingKeys
from coatcheck.checking.tally import Tally
from coatcheck.errors import (
    CheckingStale,
    CredentialRefused,
    SessionEnded,
    SessionExpired,
    TokenExpired,
    TokenInvalid,
    TokenOutdated,
    TokenRevoked,
    TokenWrongAudience,
)
from coatcheck.model.expiry import is_idle, is_past_absolute, is_within_grace
from coatcheck.model.identifiers import random_part
from coatcheck.model.position import Position
from coatcheck.model.principal import API_KEY_CLIENT, CarriedBy, Kind, Principal
from coatcheck.model.record import Record
from coatcheck.model.service import is_service
from coatcheck.revocation.credential import Credential
from coatcheck.revocation.denials import Denials
from coatcheck.revocation.lease import JUMP, Lease
from coatcheck.revocation.replica import Replica, Verdict
from coatcheck.tokens.api_key import API_KEY_START
from coatcheck.tokens.claims import AccessClaims, check_claims
from coatcheck.tokens.jwt import JWT_START, UnknownKey, verify
from coatcheck.tokens.opaque import digest


class Recognises(Protocol):
    """Tells what may be a token of one kind from what can't be, before anybody is asked."""

    def is_genuine(self, token: bytes) -> bool:
        """True when the token bears the mark of its kind: our tag, or elsewhere only the form."""
        ...


class Checker:
    """Decides about credentials from memory.

    ``wall`` and ``steady`` are the two clocks, in seconds. ``audience`` is what a JWT must have been issued for when
    the caller names no other. ``cache_for`` is T; ``grace`` and ``flush_interval`` are the sessions' settings. ``seen``
    collects when each session was last seen, for ``upkeep.touches`` to write down. ``tally`` counts what was decided,
    ``passed`` what was remembered and accepted: here, and as a float, because adding 1 so costs least (exact to 2**53).
    """

    def __init__(
        self,
        *,
        replica: Replica,
        lease: Lease,
        cache: Cache,
        keys: CheckingKeys,
        session_tokens: Recognises | None,
        api_keys: Recognises | None = None,
        wall: Callable[[], float],
        steady: Callable[[], float],
        issuer: str,
        audience: str,
        cache_for: timedelta,
        leeway: timedelta,
        grace: timedelta,
        flush_interval: timedelta,
        name_of: Callable[[str], bytes] = random_part,
    ) -> None:
        self.replica = replica
        self.lease = lease
        self.seen: dict[str, float] = {}
        self.tally = Tally()
        self.passed = 0.0
        self._cache = cache
        self._keys = keys
        self._session_tokens = session_tokens
        self._api_keys = api_keys
        self._wall = wall
        self._steady = steady
        self._issuer = issuer
        self._audience = audience
        self._cache_for = cache_for.total_seconds()
        self._leeway = leeway.total_seconds()
        self._grace = grace
        self._flush_interval = flush_interval
        self._name_of = name_of

    def check(
        self, token: bytes, carried_by: CarriedBy = CarriedBy.HEADER, audience: str | None = None
    ) -> Remembered | Doubt:
        """Decide about ``token``, or say what to ask.

        Raises the CredentialRefused that fits; never StoreUnavailable, since nothing is asked.
        """
        cache, is_first = self._cache, False
        digest = sha256(cache.prefixes[carried_by] + token).digest()
        remembered = cache.get(digest)
        try:
            if remembered is None:
                is_first = True
                first = self._first_sight(token, digest, carried_by, audience)
                if isinstance(first, Doubt):
                    return first
                remembered = first
            now = self._wall()
            if now >= remembered.ends_at:
                cache.drop(digest)
                raise _over(remembered)
            if remembered.audience and (audience or self._audience) not in remembered.audience:
                raise TokenWrongAudience
            credential, replica = remembered.credential, self.replica
            if credential.passed != replica.state:
                reason = self._test(digest, remembered)
                if reason is not None:
                    return self._doubt(reason, token, digest, carried_by, audience, remembered)
        except CredentialRefused:
            if is_first:
                self.tally.cold_refused += 1
            else:
                self.tally.warm_refused += 1
            raise
        if now >= remembered.ask_at or now - remembered.seen_at >= remembered.idle_for:
            return self._doubt(Reason.UNKNOWN, token, digest, carried_by, audience, remembered)
        lease = self.lease
        steady = self._steady()
        if steady >= lease.until or not -JUMP < now - steady - lease.offset < JUMP:
            return self._doubt(Reason.NO_LEASE, token, digest, carried_by, audience, remembered)
        if credential.passed != replica.state:  # news came in another thread, perhaps with the lease just looked at
            return self.check(token, carried_by, audience)
        remembered.seen_at = now
        self.seen[remembered.session_id] = now
        if is_first:
            self.tally.cold_accepted += 1
        else:
            self.passed += 1.0
        return remembered

    def look_again(self, remembered: Remembered) -> bool:
        """Say whether a connection that is open may stay so, as far as memory can tell: False when the store has to be
        asked. The caller looks at the lease when all have been looked at (rule 8).

        While a connection is open, somebody is there: that is noted, so that the login does not go idle meanwhile.
        Raises the CredentialRefused that fits.
        """
        now = self._wall()
        if now >= remembered.ends_at:
            raise _over(remembered)
        if remembered.credential.passed != self.replica.state and self._judge(remembered) is not None:
            return False
        if now - remembered.seen_at >= remembered.idle_for / 4:
            remembered.seen_at = self.seen[remembered.session_id] = now
        return now < remembered.ask_at

    @property
    def remembered(self) -> int:
        """How many credentials are remembered."""
        return len(self._cache)

    def read_for(self, remembered: Remembered) -> float:
        """Seconds since the store was asked about it; 0 for a JWT, which says itself until when it is good."""
        return 0.0 if remembered.ask_at == inf else max(0.0, self._wall() + self._cache_for - remembered.ask_at)

    def steady(self) -> float:
        """The steady clock's reading, in seconds."""
        return self._steady()

    def is_trusted(self) -> bool:
        """True while the lease holds."""
        wall = self._wall()
        return self.lease.holds(self._steady(), wall)

    def may_accept(self, accept_for: timedelta) -> bool:
        """True while the ``accept`` policy may go on without a lease (rule 8)."""
        wall = self._wall()
        return self.lease.accepts(self._steady(), wall, accept_for.total_seconds())

    def take(self, doubt: Doubt, found: Found) -> Remembered:
        """Take the store's answer about ``doubt``: remember what it says of the credential and return that.

        It is true at the instant the store was read, and T counts from then. The caller tests it again if that was
        before the check began.
        Raises the CredentialRefused that fits, CheckingStale for what the local switch refuses.
        """
        now = datetime.fromtimestamp(self._wall(), UTC)
        record = found.record
        if not found.key_is_valid:
            raise TokenInvalid
        if record is None:
            self._cache.drop(doubt.digest)
            raise SessionEnded
        self._require_in_time(record, now)
        if doubt.remembered is not None and doubt.remembered.credential.kid is not None:
            remembered = self._restamped(doubt.remembered, record)
        else:
            remembered = self._from_record(record, doubt.carried_by, now)
            remembered.ask_at -= found.read_ms / 1000
        self._cache.put(doubt.digest, remembered)
        if self.replica.denies(remembered.credential):
            raise CheckingStale
        self.seen[record.session_id] = remembered.seen_at
        return remembered

    def deny(self, *, everything: bool = False, identifiers: Collection[str] = ()) -> None:
        """Force ``deny`` in this process for ``everything``, or for the sessions, users and signing keys with these
        ``identifiers``, until it is called again (rule 19). With neither, it is lifted.

        Raises ValueError, with nothing changed, for what is no identifier.
        """
        if not everything and not identifiers:
            self.replica.deny(None)
            return
        names = frozenset(self._name_of(identifier) for identifier in identifiers)
        self.replica.deny(Denials(everything=everything, names=names, kids=frozenset(identifiers)))

    def require_not_denied(self, session_id: str, owner_id: str) -> None:
        """Hold what was decided without this checker to the local switch. Raises CheckingStale."""
        if self.replica.denies_names(self._name_of(session_id), self._name_of(owner_id)):
            raise CheckingStale

    def last_seen(self, session_id: str, stored: datetime) -> datetime:
        """When the person was last seen: what the store knows, or this process if it knows better."""
        seen_here = self.seen.get(session_id)
        return stored if seen_here is None else max(stored, datetime.fromtimestamp(seen_here, UTC))

    def forget_everything(self) -> None:
        """Drop all that is remembered: a forked child begins with nothing."""
        self._cache.clear()
        self.seen.clear()

    def _first_sight(
        self, token: bytes, digest_here: bytes, carried_by: CarriedBy, audience: str | None
    ) -> Remembered | Doubt:
        if not token.startswith(JWT_START):
            if not self._is_ours(token, carried_by):
                raise TokenInvalid
            asked = LookUp(digest=digest(token))
            return Doubt(Reason.UNKNOWN, token=token, digest=digest_here, carried_by=carried_by, asked=asked)
        try:
            verified = verify(token, self._keys.get)
        except UnknownKey:
            return Doubt(Reason.UNKNOWN_KEY, token=token, digest=digest_here, carried_by=carried_by, audience=audience)
        claims = verified.claims
        check_claims(
            claims,
            issuer=self._issuer,
            audience=audience or self._audience,
            now=self._wall(),
            leeway=self._leeway,
        )
        remembered = self._from_claims(claims, verified.kid, carried_by)
        self._cache.put(digest_here, remembered)
        return remembered

    def _is_ours(self, token: bytes, carried_by: CarriedBy) -> bool:
        """True for an opaque token that we made. An API key travels in a header only: no program keeps cookies, and a
        browser that brought one would bring it along to wherever another site sends it."""
        if token.startswith(API_KEY_START):
            keys = self._api_keys
            return keys is not None and carried_by is CarriedBy.HEADER and keys.is_genuine(token)
        return self._session_tokens is not None and self._session_tokens.is_genuine(token)

    def _test(self, digest_here: bytes, remembered: Remembered) -> Reason | None:
        try:
            reason = self._judge(remembered)
        except CredentialRefused:
            self._cache.drop(digest_here)
            raise
        if reason is Reason.UNKNOWN:
            self._cache.drop(digest_here)
        return reason

    def _judge(self, remembered: Remembered) -> Reason | None:
        verdict = self.replica.test(remembered.credential)
        if verdict is Verdict.ADMITTED:
            return None
        if verdict is Verdict.UNDECIDED:
            return Reason.UNSTAMPED
        if verdict is Verdict.DENIED:
            return Reason.DENIED
        is_token = remembered.credential.kid is not None
        if verdict is Verdict.SESSION_ENDED:
            raise SessionEnded
        if verdict is Verdict.EVERYTHING_ENDED:
            raise TokenRevoked if is_token else SessionEnded
        if verdict is Verdict.KEY_NOT_VALID:
            raise TokenInvalid
        if is_token:
            raise TokenOutdated
        return Reason.UNKNOWN  # a role change logs no cookie out: the store knows the person's roles now

    def _doubt(
        self,
        reason: Reason,
        token: bytes,
        digest_here: bytes,
        carried_by: CarriedBy,
        audience: str | None,
        remembered: Remembered,
    ) -> Doubt:
        kid = remembered.credential.kid
        asked = LookUp(digest=digest(token)) if kid is None else LookUp(session_id=remembered.session_id, kid=kid)
        return Doubt(
            reason,
            token=token,
            digest=digest_here,
            carried_by=carried_by,
            audience=audience,
            asked=asked,
            remembered=remembered,
        )

    def _require_in_time(self, record: Record, now: datetime) -> None:
        if is_past_absolute(now, record.expires_at):
            raise SessionExpired
        if is_idle(now, self.last_seen(record.session_id, record.seen_at), record.idle_for, self._flush_interval):
            raise SessionExpired
        if record.superseded and not is_within_grace(now, record.stepped_at, self._grace):
            raise TokenExpired

    def _from_record(self, record: Record, carried_by: CarriedBy, now: datetime) -> Remembered:
        ends_at = record.expires_at
        if record.superseded:
            ends_at = min(ends_at, record.stepped_at + self._grace)
        of_service = record.kind is Kind.SERVICE
        principal = Principal(
            kind=record.kind,
            user_id=None if of_service else record.user_id,
            client_id=record.user_id if of_service else None,
            session_id=record.session_id,
            roles=frozenset(record.roles),
            scopes=frozenset(record.scopes),
            organisation=record.organisation,
            factors=record.amr,
            authenticated_at=record.authenticated_at,
            expires_at=record.expires_at,
            carried_by=carried_by,
        )
        return Remembered(
            credential=Credential.of(record, self._name_of),
            principal=principal,
            ask_at=now.timestamp() + self._cache_for,
            ends_at=ends_at.timestamp(),
            idle_for=record.idle_for.total_seconds(),
            seen_at=now.timestamp(),
            stepped_at=record.stepped_at,
        )

    def _from_claims(self, claims: AccessClaims, kid: str, carried_by: CarriedBy) -> Remembered:
        try:
            stamp = Position.parse(claims.pos)
            session, user = self._name_of(claims.sid), self._name_of(claims.sub)
        except ValueError as fault:
            raise TokenInvalid from fault
        of_service = is_service(claims.sub)
        of_key = claims.client_id == API_KEY_CLIENT
        principal = Principal(
            kind=Kind.SERVICE if of_service else Kind.API_KEY if of_key else Kind.USER,
            user_id=None if of_service else claims.sub,
            client_id=claims.client_id,
            session_id=claims.sid,
            roles=frozenset(claims.roles),
            scopes=frozenset(claims.scope.split()),
            factors=tuple(claims.amr),
            authenticated_at=datetime.fromtimestamp(claims.auth_time, UTC),
            expires_at=datetime.fromtimestamp(claims.exp, UTC),
            carried_by=carried_by,
        )
        return Remembered(
            credential=Credential(
                session=session,
                user=user,
                generation=claims.gen,
                version=claims.ver,
                everything=claims.all,
                stamp=stamp,
                kid=kid,
            ),
            principal=principal,
            ask_at=inf,
            ends_at=claims.exp + self._leeway,
            idle_for=inf,
            seen_at=claims.iat,
            stepped_at=None,
            audience=(claims.aud,) if isinstance(claims.aud, str) else tuple(claims.aud),
        )

    @staticmethod
    def _restamped(remembered: Remembered, record: Record) -> Remembered:
        """A JWT that the store was asked about: the same counters, found current at a newer position."""
        credential = remembered.credential
        if record.everything_generation > credential.everything:
            raise TokenRevoked
        if record.generation > credential.generation or record.user_version > credential.version:
            raise TokenOutdated
        return remembered.stamped(record.stamp)


def _over(remembered: Remembered) -> TokenExpired | SessionExpired:
    is_superseded = remembered.ends_at < remembered.principal.expires_at.timestamp()
    return TokenExpired() if remembered.credential.kid is not None or is_superseded else SessionExpired()
