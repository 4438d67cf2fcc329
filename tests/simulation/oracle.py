"""What must never happen, judged with the knowledge of the whole world: P1, P2, P4 and P5 of ``docs/revocation.md``."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coatcheck.checking.cache import Remembered
from coatcheck.checking.recall import Policy
from coatcheck.errors import SessionEnded, TokenInvalid, TokenOutdated, TokenRevoked
from coatcheck.model.event import (
    Event,
    EverythingEnded,
    KeyRevoked,
    SessionRenewed,
    UserChanged,
)
from coatcheck.model.event import (
    SessionEnded as SessionEndedEvent,
)
from coatcheck.model.position import Epoch, Position
from coatcheck.model.receipt import Receipt
from tests.simulation.strange import SomethingNew

if TYPE_CHECKING:
    from tests.simulation.running import Running
    from tests.simulation.world import Held, World

REFUSALS = (SessionEnded, TokenInvalid, TokenOutdated, TokenRevoked)


class Broken(AssertionError):
    """A promise was broken."""


@dataclass(slots=True)
class Fact:
    """A revocation that was committed: whose, from which counter on, when, and as the how manieth of all."""

    what: str
    subject: str
    least: int
    at: float
    order: int


@dataclass(slots=True)
class Proof:
    """A receipt as the world sees it: what it covers, since when, and who was excepted until when."""

    first: int
    order: int
    returned_at: float
    unbound: tuple[str, ...]
    unbound_until: float
    home: str | None


class Oracle:
    """Keeps the ledger of what was revoked and judges every check."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._facts: dict[tuple[str, str], list[Fact]] = {}
        self._order_of: dict[Position, int] = {}
        self._proofs: list[Proof] = []
        self.order = 0
        self.longest_lease = 0.0

    # -- what happened ------------------------------------------------------------------------------------------------

    def commit(self, epoch: Epoch, event: Event) -> Fact | None:
        """Enter an event that has just been committed."""
        self.order += 1
        self._order_of[Position(epoch, event.seq)] = self.order
        match event.happening:
            case SessionEndedEvent(session_id) | SomethingNew(session_id):
                return self._enter("ended", session_id, 1 << 62)
            case SessionRenewed(session_id, generation):
                return self._enter("renewed", session_id, generation)
            case UserChanged(user_id, version):
                return self._enter("changed", user_id, version)
            case EverythingEnded(generation):
                return self._enter("everything", "", generation)
            case KeyRevoked(kid):
                return self._enter("key", kid, 0)
        return None

    def _enter(self, what: str, subject: str, least: int) -> Fact:
        fact = Fact(what, subject, least, self._world.timeline.now, self.order)
        self._facts.setdefault((what, subject), []).append(fact)
        return fact

    def unmake(self, after: int, *, endings: bool = False) -> None:
        """What the store forgot it ever did: counters go on from an earlier value. After a restore, endings stay, those
        of keys too."""
        for (what, _), facts in self._facts.items():
            if what not in ("ended", "key") or endings:
                facts[:] = [fact for fact in facts if fact.order <= after]

    def returned(
        self, process: "Running", position: Position, receipt: Receipt | None, events: tuple[Event, ...] = ()
    ) -> None:
        """A change was reported as done: with a receipt everywhere, without one in the process that did it."""
        now = self._world.timeline.now
        order = self._order_of.get(position, 0)
        if receipt is None:
            first = self._order_of[Position(position.epoch, events[0].seq)]
            self._proofs.append(Proof(first, order, now, (), 0.0, process.name))
            return
        until = 0.0
        if receipt.unbound_until is not None:
            until = now + (receipt.unbound_until.timestamp() - process.wall()) / process.rate + 0.001
        self._proofs.append(Proof(0, order, now, receipt.unbound, until, None))

    # -- what must hold -----------------------------------------------------------------------------------------------

    def accepted(self, process: "Running", held: "Held", remembered: Remembered, began: float) -> None:
        """Judge an acceptance. Raises Broken."""
        now = self._world.timeline.now
        for fact in self._against(held, remembered):
            limit = self.bound + (process.accept_for if process.policy is Policy.ACCEPT else 0.0) / self._slowest
            if now > fact.at + limit + 1e-6:
                raise Broken(f"P2: {process.name} accepts {held.name} {now - fact.at:.3f} s after {fact.what}")
            for proof in self._proofs:
                if not proof.first <= fact.order <= proof.order or proof.returned_at >= began:
                    continue
                if proof.home is not None and (proof.home != process.name or process.is_forked):
                    continue
                if process.called in proof.unbound and now <= proof.unbound_until:
                    continue
                kind = "P1" if proof.home is None else "P1 (at home)"
                raise Broken(f"{kind}: {process.name} accepts {held.name} after a barrier for {fact.what} returned")

    def refused(self, process: "Running", held: "Held", fault: Exception, began: float, *, was_valid: bool) -> None:
        """Judge a refusal. Raises Broken."""
        world = self._world
        if not was_valid or not world.is_valid(held, process):
            return
        if isinstance(fault, REFUSALS):
            known = process.replica.position
            if known is None or known.epoch != world.primary._rows.head.epoch or began < process.new_epoch_at:
                return  # it knew what a store that went back in time does not know any more
            if (
                isinstance(fault, TokenInvalid)
                and world.timeline.now < max(world.replaced_at, process.new_epoch_at) + 3.0
            ):
                return  # a key that is valid again: its secret is asked for once a second
            raise Broken(f"P5: {process.name} refuses {held.name}, which is good: {fault!r}")
        if getattr(fault, "status", 0) == 503 and not self._is_excused(process, began):
            raise Broken(f"P5: {process.name} answers 'try again' for {held.name} though the store answers: {fault!r}")

    def logged_in(self, password: str, hash_at_commit: str | None) -> None:
        """Judge a login that succeeded. Raises Broken."""
        if hash_at_commit is not None and hash_at_commit != f"plain:{password}":
            raise Broken("P1: a login with the old password outlived the password")

    def look_at(self, process: "Running") -> None:
        """Judge what a process holds in memory. Raises Broken."""
        if len(process.replica) > self._world.remembered:
            raise Broken(f"P4: {process.name} remembers {len(process.replica)} subjects")

    @property
    def _slowest(self) -> float:
        return 1 - self._world.drift

    @property
    def bound(self) -> float:
        """P2 in the world's own time: the longest lease on the slowest clock. W is this, as the fastest counts."""
        return self.longest_lease / self._slowest

    def _is_excused(self, process: "Running", began: float) -> bool:
        """The store could not be reached just now; for ``deny`` and for keys that are still unknown, lately. Where a
        newer version has written to the log, nobody of this one has a lease any more."""
        if self._world.is_strange or process.is_starting:
            return True
        if process.is_remote and self._is_remote_excused(process, began):
            return True
        lately = 2 * self.longest_lease + 4 if process.policy is Policy.DENY or self._world.has_new_keys else 4.0
        return process.is_leaving or process.is_forked or process.trouble_at >= began - lately / self._slowest

    def _is_remote_excused(self, process: "Running", began: float) -> bool:
        """Whoever has no store depends on servers that have it, and on a credential that counts."""
        since = began - (2 * self.longest_lease + 4) / self._slowest
        troubled = (other.trouble_at >= since for other in self._world.processes)
        return any(troubled) or self._world.is_barred(process)

    def _against(self, held: "Held", remembered: Remembered) -> list[Fact]:
        """Every revocation that should have refused this."""
        credential, facts = remembered.credential, self._facts
        against = list(facts.get(("ended", held.session_id), ()))
        generation = min(credential.generation, held.generation)
        against += [fact for fact in facts.get(("renewed", held.session_id), ()) if fact.least > generation]
        against += [fact for fact in facts.get(("changed", held.user_id), ()) if fact.least > credential.version]
        against += [fact for fact in facts.get(("everything", ""), ()) if fact.least > credential.everything]
        if credential.kid is not None:
            against += facts.get(("key", credential.kid), ())
        return against
