"""What a service may know of a token that it was shown (RFC 7662): decided by the same check as everywhere."""

from datetime import UTC, datetime
from typing import Final

from msgspec import Struct, structs

from coatcheck.auth.opened import Opened
from coatcheck.checking.cache import Remembered
from coatcheck.errors import CheckingStale, CredentialRefused, ServiceRefused, TokenWrongAudience
from coatcheck.model.position import Position
from coatcheck.model.principal import CarriedBy, Kind, Principal
from coatcheck.model.service import Service, ServiceStatus
from coatcheck.model.session import Session
from coatcheck.stores.port import Transaction
from coatcheck.tokens.api_key import API_KEY_START
from coatcheck.tokens.claims import AccessClaims
from coatcheck.tokens.jwt import JWT_START, claims_of
from coatcheck.tokens.opaque import SESSION_START

_OLDEST: Final = 3600.0
"""Seconds; what is older than any lease is no answer to anybody."""


class Introspection(Struct, frozen=True, kw_only=True):
    """A token that is good now, and for this service.

    ``expires_at`` is the token's: one that was replaced ends with its grace, long before its session. ``audiences`` are
    those of the token that are this service's own. ``claims`` are those of an access token, None for a session token or
    an API key. The counters and ``position`` are what a checker that follows the log needs to remember it (rules 9 and
    10 of ``docs/revocation.md``). ``age_ms`` is how old what decided was at the most, so that who asks without a lease
    doesn't take it for longer than a lease lasts (rule 8); ``read_ms`` is how long ago the store was asked, so that T
    counts from then everywhere.
    """

    principal: Principal
    expires_at: datetime
    audiences: tuple[str, ...]
    issued_at: datetime
    claims: AccessClaims | None
    generation: int
    version: int
    everything_generation: int
    position: Position
    age_ms: int
    read_ms: int


async def introspect(opened: Opened, who: Principal, token: bytes) -> Introspection | None:
    """Check ``token`` on behalf of the service ``who``. None where it is not good or not for this service, without a
    difference (RFC 7662 §2.2).

    Refresh tokens and the secrets of services are none of a resource server's business, and as good as unknown. Raises
    ServiceRefused when the service is gone or suspended, CheckingStale, StoreUnavailable. Who asks may be bound where
    this process is not: what is accepted here without a lease (the policy ``accept``) is no answer for others.
    """
    service = None
    if who.kind is Kind.SERVICE and who.client_id is not None:
        service_id = who.client_id
        service = await opened.ready.store.read(lambda tx: tx.services.get(service_id))
    if service is None or service.status is not ServiceStatus.ACTIVE:
        raise ServiceRefused
    running = opened.running
    known = running.replica.position
    try:
        if token.startswith(JWT_START):
            found = await _access_token(opened, service, token)
        elif token.startswith((SESSION_START, API_KEY_START)):
            found = await _opaque(opened, service, token)
        else:
            return None
    except CredentialRefused:
        return None
    return None if found is None else _as_of(found, known)


async def _check(opened: Opened, token: bytes, audience: str | None = None) -> tuple[Remembered, int]:
    """Check ``token``; say how old the knowledge was that decided, in ms at the most.

    Whether there is a lease is looked at before anything else can happen here: the next sync may bring one, and what
    was accepted before it without one would pass for decided under it.
    """
    checker = opened.running.checker
    heard_at, was_trusted = checker.lease.heard_at, checker.is_trusted()
    held = await opened.running.recall.check(token, CarriedBy.HEADER, audience)
    is_trusted = checker.is_trusted()
    if opened.ready.settings.revocation.policy == "accept" and not is_trusted:
        raise CheckingStale
    age = checker.steady() - heard_at if was_trusted or is_trusted else 0.0
    return held, int(min(age, _OLDEST) * 1000) + 1


def _as_of(found: Introspection, known: Position | None) -> Introspection:
    """What was found has passed everything that was ``known`` here when it was asked for, so it is true there too."""
    is_later = known is not None and known.epoch == found.position.epoch and known.seq > found.position.seq
    return structs.replace(found, position=known) if is_later else found


async def _access_token(opened: Opened, service: Service, token: bytes) -> Introspection | None:
    for audience in service.audiences:
        try:
            held, age_ms = await _check(opened, token, audience)
        except TokenWrongAudience:
            continue
        claims = claims_of(token)
        issued_at = datetime.fromtimestamp(claims.iat, held.principal.expires_at.tzinfo)
        return _told(opened, held, age_ms, service, held.audience, issued_at, claims)
    return None


async def _opaque(opened: Opened, service: Service, token: bytes) -> Introspection | None:
    held, age_ms = await _check(opened, token)

    def row(tx: Transaction) -> Session | None:
        return tx.sessions.get(held.session_id)

    session = await opened.ready.store.read(row)
    if session is None:
        return None
    audiences = session.audiences or (opened.ready.settings.issuer,)
    if not set(audiences) & set(service.audiences):
        return None
    return _told(opened, held, age_ms, service, audiences, session.created_at, None)


def _told(
    opened: Opened,
    held: Remembered,
    age_ms: int,
    service: Service,
    audiences: tuple[str, ...],
    issued_at: datetime,
    claims: AccessClaims | None,
) -> Introspection:
    credential = held.credential
    return Introspection(
        principal=held.principal,
        expires_at=min(held.principal.expires_at, datetime.fromtimestamp(held.ends_at, UTC)),
        audiences=tuple(each for each in audiences if each in service.audiences),
        issued_at=issued_at,
        claims=claims,
        generation=credential.generation,
        version=credential.version,
        everything_generation=credential.everything,
        position=Position(credential.epoch, credential.seq),
        age_ms=age_ms,
        read_ms=int(opened.running.checker.read_for(held) * 1000),
    )
