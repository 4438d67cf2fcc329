"""WHO IS ASKED?  The port behind a checker: what a subscriber asks, and what it is told.

A checker decides alone while its lease lasts; behind it stands an authority. For an application with the database that
is the store (``stores/authority.py``); for another service it is the server, over HTTPS (``verify/authority.py``). Both
speak these records.
"""

from typing import Final, Protocol, TypeAlias

from msgspec import Struct

from coatcheck.model.event import Event, Head, KeyAdded, Refusal
from coatcheck.model.position import Epoch, Position
from coatcheck.model.record import Record

_FURTHEST: Final = 10_000
"""Events by which news may be ahead of what has been applied. More than are committed between two syncs, and few enough
to be kept until then."""


class Question(Struct, frozen=True, kw_only=True):
    """What a subscriber asks in a sync (rule 4).

    ``registration`` is the number it was given, ``applied`` the position it has applied and ``event_id`` the id of the
    event there; both None before its first snapshot. ``wait_ms`` is how long an authority elsewhere may hold its answer
    until there is something new. ``credential`` is filled in by the store's side: whose question it is, None for a
    process beside the store.
    """

    registration: str
    applied: Position | None = None
    event_id: str | None = None
    wait_ms: int = 0
    credential: str | None = None


class Delta(Struct, frozen=True, kw_only=True):
    """The events after the position that was asked about, oldest first, and the head they lead to.

    ``age_ms`` is how long before the question arrived the read began; 0 for a read begun afterwards. ``more`` says that
    the list was cut: there are further events up to ``head``, so no lease is taken yet.
    """

    head: Head
    events: tuple[Event, ...]
    more: bool = False
    age_ms: int = 0


class Snapshot(Struct, frozen=True, kw_only=True):
    """Everything a replica needs to start from nothing.

    ``ended`` is a list of (identifier, seq of its event), ``generations`` and ``versions`` of (identifier, value, seq),
    all in seq order. ``floor`` is the newest event that the log has forgotten or that this snapshot leaves out, so a
    snapshot may be cut short. ``keys`` are all valid ones. ``foreign`` is True when the position asked about is not in
    this log (its id differs, or it belongs to another epoch): an alarm.
    """

    head: Head
    ended: tuple[tuple[str, int], ...]
    generations: tuple[tuple[str, int, int], ...]
    versions: tuple[tuple[str, int, int], ...]
    keys: tuple[KeyAdded, ...]
    floor: int
    foreign: bool = False
    age_ms: int = 0


class Unregistered(Struct, frozen=True):
    """The registration is unknown or lapsed: no lease; register anew (rule 4)."""


Answer: TypeAlias = Delta | Snapshot | Unregistered


class LookUp(Struct, frozen=True, kw_only=True):
    """What is asked about one credential: by the digest of an opaque secret, or by session id for a JWT with its kid.

    ``token`` is the credential itself, for an authority elsewhere that has to be shown it (RFC 7662); it is in no repr.
    """

    digest: bytes | None = None
    session_id: str | None = None
    kid: str | None = None
    token: bytes | None = None

    def __repr__(self) -> str:
        return f"LookUp(session_id={self.session_id!r}, kid={self.kid!r})"


class Found(Struct, frozen=True, kw_only=True):
    """The authority's answer to a look-up, read at ``position`` in one statement.

    ``record`` is None when no live session of an active owner has that digest or id. ``session_id`` names the session
    of the record, or the one that was found all the same; None when there never was one. ``key_is_valid`` answers for
    ``LookUp.kid``. ``age_ms`` is how old the knowledge was, at the most, when the authority answered from its own
    memory; ``read_ms`` is how long ago the record was read in the store, which may be longer. Both are 0 for a read
    begun after the question arrived.
    """

    position: Position
    record: Record | None
    session_id: str | None = None
    key_is_valid: bool = True
    age_ms: int = 0
    read_ms: int = 0


class News(Struct, frozen=True):
    """Events with consecutive numbers that were committed, told by the way: a hint (rule 6). ``is_urgent`` when
    somebody waits until every subscriber has acknowledged them."""

    epoch: Epoch
    events: tuple[Event, ...]
    is_urgent: bool

    def can_follow(self, position: Position | None) -> bool:
        """Whether who has applied ``position`` may keep them until they are next. What lets anybody in never is."""
        return (
            position is not None
            and position.epoch == self.epoch
            and all(
                isinstance(each.happening, Refusal) and each.seq <= position.seq + _FURTHEST for each in self.events
            )
        )


class Authority(Protocol):
    """The store's side, as a checker sees it. Every method raises StoreUnavailable when it can't be asked."""

    async def register(self, name: str, accept_ms: int | None) -> str:
        """Commit a registration and return its number. The first snapshot is read after this (rule 3)."""
        ...

    async def sync(self, question: Question) -> Answer:
        """Record the acknowledgement in ``question`` and answer from one read begun after this call (rule 4)."""
        ...

    async def look_up(self, asked: LookUp) -> Found:
        """Say what the primary knows of one credential now."""
        ...

    async def goodbye(self, registration: str) -> None:
        """Delete the registration; the caller has stopped trusting its replica (rule 7)."""
        ...
