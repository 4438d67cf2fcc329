"""What one process knows of what was revoked: recent events, indexed, and the valid keys.

Theory of operation. For every session and user that an event named, the replica keeps the least counter that is still
good; for an ended session that is a number no counter reaches. So the test of a credential is two look-ups and a few
comparisons, whatever is remembered. The oldest events are forgotten when the limit is reached. Whoever forgets event
``n`` raises its *floor* to ``n``, and what was stamped below the floor is no longer decided here: forgetting costs an
online check, never lets anything through (rule 9).

A check may run in another thread than the sync that changes the replica. Nothing is locked; order is enough. A test
notes the state first, and reads floor and epoch after what it looked up. A change raises the floor before it forgets,
clears the epoch before it begins again, and counts the state up when it is done, before any lease is taken. So a test
that a change overtook is undecided, or passed under an old state, and the checker tests again.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from enum import Enum, auto
from heapq import merge
from itertools import islice
from typing import Final, NamedTuple

from coatcheck.authority import Snapshot
from coatcheck.model.event import (
    Event,
    EverythingEnded,
    Happening,
    Head,
    KeyAdded,
    KeyRevoked,
    SessionEnded,
    SessionRenewed,
    UserChanged,
)
from coatcheck.model.identifiers import random_part
from coatcheck.model.position import Epoch, Position
from coatcheck.revocation.credential import Credential
from coatcheck.revocation.denials import Denials

ENDED: Final = 1 << 62
"""The least generation of an ended session: no credential reaches it."""

_SLICE: Final = 1_000
"""Entries of a snapshot that are taken in at once."""


class Verdict(Enum):
    """What a replica says of a credential."""

    ADMITTED = auto()
    UNDECIDED = auto()
    """Its stamp is below the floor or of another epoch: ask the store (rule 9)."""
    SESSION_ENDED = auto()
    OLD_GENERATION = auto()
    OLD_VERSION = auto()
    EVERYTHING_ENDED = auto()
    KEY_NOT_VALID = auto()
    DENIED = auto()
    """It would pass, but this process refuses it for now, by a local switch (rule 19)."""


class CannotApply(Exception):
    """An answer that this replica does not understand from some event on, or that leaves a gap there. What comes before
    is applied, the rest is not, and there is no lease. Of a snapshot nothing is applied."""


class Replica:
    """Recent events, indexed; the valid keys; the position up to which all of the log is known.

    ``limit`` is how many sessions and users are remembered; ``name_of`` turns the identifier in an event into the 16
    bytes that credentials are compared by. ``state`` grows with every change of knowledge.
    """

    def __init__(self, limit: int, name_of: Callable[[str], bytes] = random_part) -> None:
        self.position: Position | None = None
        self.event_id = ""
        self.floor = 0
        self.everything = 0
        self.keys: dict[str, KeyAdded] = {}
        self.state = 0
        self._limit = limit
        self._name_of = name_of
        self._epoch: Epoch | None = None
        self._least: dict[bytes, int] = {}
        self._seq_of: dict[bytes, int] = {}
        self._ahead: dict[Position, Happening] = {}
        self._revoked: set[str] = set()
        self._denials: Denials | None = None
        self._prepared: _Prepared | None = None

    def __len__(self) -> int:
        return len(self._least)

    def test(self, credential: Credential) -> Verdict:
        """Say whether ``credential`` is still good, as far as this replica knows (rule 10). Reads memory only."""
        state = self.state
        least = self._least
        generation = least.get(credential.session, 0)
        version = least.get(credential.user, 0)
        everything = self.everything
        key_is_valid = credential.kid is None or credential.kid in self.keys
        if credential.seq < self.floor or credential.epoch != self._epoch:
            return Verdict.UNDECIDED
        if generation > credential.generation:
            return Verdict.SESSION_ENDED if generation == ENDED else Verdict.OLD_GENERATION
        if everything > credential.everything:
            return Verdict.EVERYTHING_ENDED
        if version > credential.version:
            return Verdict.OLD_VERSION
        if not key_is_valid:
            return Verdict.KEY_NOT_VALID
        denials = self._denials
        if denials is not None and denials.cover(credential):
            return Verdict.DENIED
        credential.passed = state
        return Verdict.ADMITTED

    def denies(self, credential: Credential) -> bool:
        """True while the local switch refuses ``credential``, whatever the log says (rule 19)."""
        denials = self._denials
        return denials is not None and denials.cover(credential)

    def denies_names(self, *names: bytes) -> bool:
        """As ``denies``, for what is known by name alone."""
        denials = self._denials
        return denials is not None and denials.cover_any(names)

    @property
    def is_denying(self) -> bool:
        """True while the local switch refuses anything at all."""
        return self._denials is not None

    def deny(self, denials: Denials | None) -> None:
        """Refuse what ``denials`` cover from now on; None lifts it. Nothing that passed before counts any longer."""
        self._denials = denials
        self.state += 1

    def prepare(self, snapshot: Snapshot) -> Iterator[None]:
        """The long part of ``load``, in slices of some milliseconds; meanwhile this replica decides as before. ``load``
        of that very snapshot is short then.

        Raises CannotApply when it names what is no identifier.
        """
        self.forget_prepared()
        least: dict[bytes, int] = {}
        seq_of: dict[bytes, int] = {}
        floor, name = snapshot.floor, self._name
        entries = merge(
            ((seq, identifier, ENDED) for identifier, seq in snapshot.ended),
            ((seq, identifier, value) for identifier, value, seq in snapshot.generations),
            ((seq, identifier, value) for identifier, value, seq in snapshot.versions),
        )
        while of_one_slice := list(islice(entries, _SLICE)):
            oldest = _too_many(seq_of, self._limit)  # what the last slice makes too many, ``load`` forgets
            floor = max(floor, max(oldest.values(), default=0))
            _forget(oldest, least, seq_of)
            for seq, identifier, value in of_one_slice:
                _remember(least, seq_of, name(identifier), value, seq)
            yield
        self._prepared = _Prepared(snapshot, least, seq_of, floor)

    def forget_prepared(self) -> None:
        """What was prepared is not to be loaded any more."""
        self._prepared = None

    def load(self, snapshot: Snapshot) -> None:
        """Begin again from a snapshot. What this process heeded above it stays (rule 14).

        Raises CannotApply, with nothing changed, when it names what is no identifier.
        """
        if self._prepared is None or self._prepared.snapshot is not snapshot:
            deque(self.prepare(snapshot), maxlen=0)
        prepared, self._prepared = self._prepared, None
        assert prepared is not None  # noqa: S101 - for the type checker
        head = snapshot.head
        self._epoch = None
        self._least = prepared.least
        self._seq_of = prepared.seq_of
        self.keys = {key.kid: key for key in snapshot.keys}
        self._revoked.clear()
        self.everything = head.everything_generation
        self.floor = prepared.floor
        self._move_to(head.position, head.event_id)
        for position, happening in sorted(self._ahead.items()):
            self._heed(happening, position.seq)
        self._forget_oldest()
        self._epoch = head.epoch
        self.state += 1

    def apply(self, events: Iterable[Event], head: Head) -> None:
        """Apply the events after this replica's position, up to ``head``. Repeated ones are passed over.

        Raises CannotApply at a gap or at an event of an unknown kind: what came before stays applied (rule 4).
        """
        if self.position is None or head.epoch != self._epoch:
            raise CannotApply("events of a log that this replica does not follow")
        try:
            for event in events:
                if event.seq <= self.position.seq:
                    continue
                if event.seq != self.position.seq + 1:
                    raise CannotApply("a gap in the log")
                self._heed(event.happening, event.seq)
                self._move_to(Position(head.epoch, event.seq), event.id)
        finally:
            self._forget_oldest()

    def heed(self, happening: Happening, position: Position) -> None:
        """Apply the content of an event that this process has just committed. The position moves only by syncs: else
        the events before it would count as applied (rule 14). It is kept until a sync has passed it: a snapshot that
        was read before it may still be on its way, or this process may not know yet that a new epoch has begun."""
        if self.position is not None and position <= self.position:
            return
        self._heed(happening, position.seq)
        self._ahead[position] = happening
        self._forget_oldest()

    def _heed(self, happening: Happening, seq: int) -> None:
        match happening:
            case SessionEnded(session_id):
                _remember(self._least, self._seq_of, self._name(session_id), ENDED, seq)
            case SessionRenewed(session_id, generation):
                _remember(self._least, self._seq_of, self._name(session_id), generation, seq)
            case UserChanged(user_id, version):
                _remember(self._least, self._seq_of, self._name(user_id), version, seq)
            case EverythingEnded(generation):
                self.everything = max(self.everything, generation)
            case KeyAdded(kid):
                if kid not in self._revoked:  # the revocation may have been heeded ahead of the addition
                    self.keys[kid] = happening
            case KeyRevoked(kid):
                self._revoked.add(kid)
                self.keys.pop(kid, None)
            case _:
                raise CannotApply("an event of an unknown kind")
        self.state += 1

    def _name(self, identifier: str) -> bytes:
        try:
            return self._name_of(identifier)
        except ValueError as fault:
            raise CannotApply("an event that names nothing") from fault

    def _move_to(self, position: Position, event_id: str) -> None:
        self.position = position
        self.event_id = event_id
        if self._ahead:
            self._ahead = {ahead: happening for ahead, happening in self._ahead.items() if ahead > position}

    def _forget_oldest(self) -> None:
        oldest = _too_many(self._seq_of, self._limit)
        if oldest:
            self.floor = max(self.floor, max(oldest.values()))
            _forget(oldest, self._least, self._seq_of)
            self.state += 1


class _Prepared(NamedTuple):
    """A snapshot as a replica will know it."""

    snapshot: Snapshot
    least: dict[bytes, int]
    seq_of: dict[bytes, int]
    floor: int


def _remember(least_of: dict[bytes, int], seq_of: dict[bytes, int], name: bytes, least: int, seq: int) -> None:
    known = least_of.get(name, 0)
    if known == 0:
        least_of[name] = least
    elif least > known:
        least_of[name] = least
        del seq_of[name]  # goes to the end: the newest is forgotten last
    elif seq <= seq_of[name]:
        return
    else:
        del seq_of[name]
    seq_of[name] = seq


def _too_many(seq_of: dict[bytes, int], limit: int) -> dict[bytes, int]:
    # In batches: a dictionary finds its oldest entry by passing over the places of deleted ones, so taking them one
    # by one would cost the square of what is forgotten.
    excess = len(seq_of) - limit
    return dict(islice(seq_of.items(), excess + limit // 16)) if excess > 0 else {}


def _forget(names: Iterable[bytes], least_of: dict[bytes, int], seq_of: dict[bytes, int]) -> None:
    for name in names:
        del seq_of[name]
        del least_of[name]
