"""Keeping a replica and its lease current: what to ask, and what an answer means (rules 3 to 7).

Theory of operation. A subscriber registers, then reads a first snapshot, then asks again and again for what came after
the position it has applied. Each question is noted with the steady clock's reading *before* it was sent; when its
answer has been applied whole, the lease runs from there. An answer that ends before the head (cut short, a gap, an
event that is not understood) is applied as far as it goes, and grants nothing. One that is from a history behind this
one, or to a question of an earlier registration, changes nothing and grants nothing. Then the old lease just runs out.

Two questions may be under way: one that is held until there is something new, and one beside it, for what can't wait.
Of two answers the one that knows less may come last. It was overtaken: it changes nothing and grants nothing either,
and says nothing against the store. This class does no I/O: ``coatcheck.upkeep.follow`` carries its questions.
"""

from enum import Enum, auto
from typing import NamedTuple

from coatcheck.authority import Answer, Delta, Question, Snapshot, Unregistered
from coatcheck.model.event import Head
from coatcheck.model.position import Position
from coatcheck.revocation.lease import Lease
from coatcheck.revocation.replica import CannotApply, Replica


class Flight(NamedTuple):
    """A question under way: ``asked_at`` is the steady clock before it was sent, ``offset`` wall minus steady then."""

    question: Question
    asked_at: float
    offset: float


class Heard(Enum):
    """What an answer meant, and so what to do next."""

    CURRENT = auto()
    """Applied, lease taken: ask again in a while."""
    AWAITED = auto()
    """Applied, lease taken, and somebody waits for the acknowledgement: ask again at once."""
    PARTIAL = auto()
    """What was there is applied, but there is more: ask again at once; no lease was taken."""
    REGISTER = auto()
    """The registration is gone: register anew."""
    REFUSED = auto()
    """Not to be trusted: a history that is behind this one, or something that is not understood. No lease was taken."""
    OVERTAKEN = auto()
    """Behind what the answer to another question has brought meanwhile: ask again at once; no lease was taken."""
    DROPPED = auto()
    """An answer to a question of an earlier registration."""


class Subscriber:
    """One process's part in the protocol.

    ``alarms`` counts snapshots that contradicted what was known (rule 4): a store went back in time, or two histories
    meet. ``lost`` is the newest event that was followed and that the store does not tell any more, although it is
    in the same epoch: nobody has run the command that begins another (rule 17).
    """

    def __init__(self, replica: Replica, lease: Lease) -> None:
        self.replica = replica
        self.lease = lease
        self.registration: str | None = None
        self.alarms = 0
        self.lost: tuple[Position, str] | None = None

    def registered(self, number: str) -> None:
        """Take a fresh registration; nothing of an earlier one counts (rule 3)."""
        self.lease.drop()
        self.registration = number

    def leave(self) -> str | None:
        """Stop trusting the replica and give up the registration: before a goodbye, and in a forked child (rules 5, 7).

        Returns the registration that was held.
        """
        self.lease.drop()
        left, self.registration = self.registration, None
        return left

    def ask(self, steady: float, wall: float, wait_ms: int = 0) -> Flight:
        """Compose the next question. ``steady`` and ``wall`` are read before it is sent. With ``wait_ms`` the answer
        may be held back until there is something new: the lease counts from before the question all the same.

        Raises ValueError when there is no registration.
        """
        if self.registration is None:
            raise ValueError("register first")
        question = Question(
            registration=self.registration,
            applied=self.replica.position,
            event_id=self.replica.event_id if self.replica.position else None,
            wait_ms=wait_ms,
        )
        return Flight(question, steady, wall - steady)

    def hear(self, flight: Flight, answer: Answer) -> Heard:
        """Take the answer to ``flight``: apply it and, if all of it holds, take the lease."""
        if flight.question.registration != self.registration:
            return Heard.DROPPED
        if isinstance(answer, Unregistered):
            self.leave()
            return Heard.REGISTER
        if self._is_behind(answer.head):
            asked_from = flight.question.applied
            was_ahead = asked_from is None or answer.head.position >= asked_from
            return Heard.OVERTAKEN if was_ahead else Heard.REFUSED
        try:
            self._take_in(flight.question, answer)
        except CannotApply:
            return Heard.REFUSED
        if self.replica.position != answer.head.position:
            return Heard.PARTIAL if isinstance(answer, Delta) and answer.events else Heard.REFUSED
        if isinstance(answer, Snapshot) and answer.age_ms >= answer.head.lease_ms:
            return Heard.PARTIAL  # it took longer to read than any lease lasts
        self.lease.take(flight.asked_at - answer.age_ms / 1000, answer.head.lease_ms / 1000, flight.offset)
        return Heard.AWAITED if self._is_awaited(flight.question, answer.head) else Heard.CURRENT

    @staticmethod
    def _is_awaited(question: Question, head: Head) -> bool:
        """True when somebody waits for more than ``question`` acknowledged."""
        asked_from = question.applied
        acknowledged = asked_from.seq if asked_from is not None and asked_from.epoch == head.epoch else 0
        return acknowledged < head.awaited <= head.seq

    def _is_behind(self, head: Head) -> bool:
        known = self.replica.position
        return known is not None and head.position < known

    def _take_in(self, question: Question, answer: Delta | Snapshot) -> None:
        if isinstance(answer, Delta):
            self.replica.apply(answer.events, answer.head)
            return
        known = self.replica.position
        if answer.foreign or (known is not None and known.epoch != answer.head.epoch):
            self.alarms += 1
        applied, event_id = question.applied, question.event_id
        if answer.foreign and applied is not None and event_id is not None and applied.epoch == answer.head.epoch:
            self.lost = applied, event_id
        self.replica.load(answer)
