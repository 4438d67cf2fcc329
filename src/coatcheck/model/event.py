"""Revocation events: what the log holds and every replica learns.

An event announces a change that was made in the same transaction. There are six, and a subscriber that meets a seventh
applies nothing from there on and takes no lease: an unknown way of saying "no" must not be read as "yes".
"""

from typing import TypeAlias

from msgspec import Struct

from coatcheck.model.identifiers import EVENT, new_identifier
from coatcheck.model.position import Epoch, Position


class SessionEnded(Struct, frozen=True, tag="session_ended", tag_field="kind"):
    """Nothing that belongs to this session is accepted any more."""

    session_id: str


class SessionRenewed(Struct, frozen=True, tag="session_renewed", tag_field="kind"):
    """Credentials of this session that carry a lower generation are refused (re-authentication, password change)."""

    session_id: str
    generation: int


class UserChanged(Struct, frozen=True, tag="user_changed", tag_field="kind"):
    """Credentials of this user that carry a lower version are refused (roles, status, password)."""

    user_id: str
    version: int


class KeyAdded(Struct, frozen=True, tag="key_added", tag_field="kind"):
    """A verification key exists. ``public_key`` is PEM, or None for HS256, whose secret never leaves the store."""

    kid: str
    algorithm: str
    public_key: str | None


class KeyRevoked(Struct, frozen=True, tag="key_revoked", tag_field="kind"):
    """Whatever this key signed is refused."""

    kid: str


class EverythingEnded(Struct, frozen=True, tag="everything_ended", tag_field="kind"):
    """Every credential issued under a lower everything-generation is refused."""

    generation: int


Refusal: TypeAlias = SessionEnded | SessionRenewed | UserChanged | KeyRevoked | EverythingEnded
"""What only ever adds to what is refused, so that a hint may say it (rule 6)."""

Happening: TypeAlias = Refusal | KeyAdded


class Event(Struct, frozen=True):
    """An entry of the log: its place, a random id that proves two logs are the same there, and what happened."""

    seq: int
    id: str
    happening: Happening


class Head(Struct, frozen=True):
    """The newest entry of the log, and the parameters that live beside it (rule 2).

    ``lease_ms`` and ``token_ms`` are milliseconds, ``drift`` a fraction (0.1 = clocks run at most 10 % fast or slow).
    No rule here reads ``token_ms``: it tells T to checkers that have no settings of their own. ``longest_lease_ms``
    is the largest L that there ever was: no subscriber that a restore took off the list can hold a longer lease.
    ``awaited`` is the highest seq that a barrier waits for; ``settled`` is False for a young epoch, in which
    acknowledgements of an older history may still be on their way.
    """

    epoch: Epoch
    seq: int
    event_id: str
    awaited: int
    settled: bool
    everything_generation: int
    lease_ms: int
    token_ms: int
    drift: float
    longest_lease_ms: int

    @property
    def position(self) -> Position:
        """Where the log ends."""
        return Position(self.epoch, self.seq)


def new_event_id() -> str:
    """A fresh random event id."""
    return new_identifier(EVENT)
