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

from collections.abc import Callable, Iterable
from enum import Enum, auto
from itertools import islice
from typing import Final

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
    """An answer that this replica does not understand or that leaves a gap: nothing of it counts, and no lease."""


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

    def load(self, snapshot: Snapshot) -> None:
        """Begin again from a snapshot. What this process heeded above it stays (rule 14).

        Raises CannotApply, with nothing changed, when it names what is no identifier.
        """
        head, name = snapshot.head, self._name
        entries = [(seq, name(identifier), ENDED) for identifier, seq in snapshot.ended]
        entries += [(seq, name(identifier), least) for identifier, least, seq in snapshot.generations]
        entries += [(seq, name(identifier), least) for identifier, least, seq in snapshot.versions]
        entries.sort()
        self._epoch = None
        self._least = {}
        self._seq_of = {}
        for seq, named, least in entries:
            self._remember(named, least, seq)
        self.keys = {key.kid: key for key in snapshot.keys}
        self._revoked.clear()
        self.everything = head.everything_generation
        self.floor = snapshot.floor
        self._move_to(head.position, head.event_id)
        for position, happening in sorted(self._ahead.items()):
            self._heed(happening, position.seq)
        self._forget_oldest()
        self._epoch = head.epoch
        self.state += 1

    def apply(self, events: Iterable[Event], head: Head) -> None:
        """Apply the events after this replica's position, up to ``head``. Repeated ones are passed over.

        Raises CannotApply, with nothing more applied, at a gap or at an event of an unknown kind (rule 4).
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
                self._remember(self._name(session_id), ENDED, seq)
            case SessionRenewed(session_id, generation):
                self._remember(self._name(session_id), generation, seq)
            case UserChanged(user_id, version):
                self._remember(self._name(user_id), version, seq)
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

    def _remember(self, name: bytes, least: int, seq: int) -> None:
        known = self._least.get(name, 0)
        if known == 0:
            self._least[name] = least
        elif least > known:
            self._least[name] = least
            del self._seq_of[name]  # goes to the end: the newest is forgotten last
        elif seq <= self._seq_of[name]:
            return
        else:
            del self._seq_of[name]
        self._seq_of[name] = seq

    def _move_to(self, position: Position, event_id: str) -> None:
        self.position = position
        self.event_id = event_id
        if self._ahead:
            self._ahead = {ahead: happening for ahead, happening in self._ahead.items() if ahead > position}

    def _forget_oldest(self) -> None:
        # In batches: a dictionary finds its oldest entry by passing over the places of deleted ones, so taking them one
        # by one would cost the square of what is forgotten.
        if len(self._seq_of) <= self._limit:
            return
        batch = len(self._seq_of) - self._limit + self._limit // 16
        oldest = list(islice(self._seq_of.items(), batch))
        self.floor = max(self.floor, max(seq for _, seq in oldest))
        for name, _ in oldest:
            del self._seq_of[name]
            del self._least[name]
        self.state += 1
