"""Asking about a token that memory can't decide about, by introspection (RFC 7662): session tokens and API keys, whose
record the server has, and any token while there is no lease."""

from datetime import UTC, datetime
from typing import Final

from msgspec import DecodeError, Struct, json

from coatcheck.authority import Found
from coatcheck.errors import StoreUnavailable, TokenInvalid
from coatcheck.feed import Counter
from coatcheck.model.position import Position
from coatcheck.model.principal import Kind
from coatcheck.model.record import Record
from coatcheck.model.session import NEVER, NEVER_IDLE
from coatcheck.tokens.api_key import is_well_formed as is_api_key
from coatcheck.tokens.opaque import is_well_formed as is_session_token


class KnownFrom(Struct, frozen=True, kw_only=True):
    """From when the answer is, and what would end it."""

    kind: Kind
    position: str
    age_ms: Counter
    read_ms: Counter = 0
    generation: int
    version: int
    everything_generation: int


class Introspected(Struct, frozen=True, kw_only=True):
    """The members of an answer that are read here."""

    active: bool
    sub: str = ""
    aud: tuple[str, ...] = ()
    sid: str = ""
    scope: str = ""
    exp: int | None = None
    roles: tuple[str, ...] = ()
    auth_time: int = 0
    amr: tuple[str, ...] = ()
    coatcheck: KnownFrom | None = None


_read: Final = json.Decoder(Introspected).decode


def read_found(body: bytes, now: datetime, audiences: frozenset[str]) -> Found:
    """What an answer says of a token that is to be for one of ``audiences``.

    Raises TokenInvalid where it is not good, or not for this service: an answer does not tell which (RFC 7662 §2.2),
    and a service that has several audiences is told of tokens for each.
    Raises StoreUnavailable for what is no answer.
    """
    try:
        told = _read(body)
        if not told.active or audiences.isdisjoint(told.aud):
            raise TokenInvalid
        known = told.coatcheck
        if known is None or not told.sub or not told.sid:
            raise StoreUnavailable
        position = Position.parse(known.position)
        authenticated_at = datetime.fromtimestamp(told.auth_time, UTC)
        expires_at = NEVER if told.exp is None else datetime.fromtimestamp(told.exp, UTC)
    except (DecodeError, RecursionError, ValueError, OverflowError, OSError):
        raise StoreUnavailable from None
    record = Record(
        session_id=told.sid,
        user_id=told.sub,
        generation=known.generation,
        user_version=known.version,
        everything_generation=known.everything_generation,
        stamp=position,
        roles=told.roles,
        amr=told.amr,
        organisation=None,
        authenticated_at=authenticated_at,
        stepped_at=now,
        seen_at=now,
        expires_at=expires_at,
        idle_for=NEVER_IDLE,  # who was idle for too long is not active; the server is asked again after T
        kind=known.kind,
        scopes=tuple(told.scope.split()),
    )
    return Found(position=position, record=record, age_ms=known.age_ms, read_ms=known.read_ms)


class SessionTokens:
    """Session tokens by their form: only the server can tell a genuine one."""

    def is_genuine(self, token: bytes) -> bool:
        """True when it looks like one."""
        return is_session_token(token)


class ApiKeys:
    """API keys by their form and checksum: only the server can tell a genuine one."""

    def is_genuine(self, token: bytes) -> bool:
        """True when it looks like one."""
        return is_api_key(token)
