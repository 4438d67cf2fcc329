"""What every process of the simulated world has: clocks that can't be relied on, a loop, and moments in which it stands
still."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from coatcheck.authority import Answer, News
from coatcheck.checking.cache import Remembered
from coatcheck.checking.checker import Checker
from coatcheck.checking.doubt import Doubt
from coatcheck.checking.recall import Policy
from coatcheck.model.position import Position
from coatcheck.model.principal import CarriedBy
from coatcheck.revocation.credential import Credential
from coatcheck.revocation.lease import Lease
from coatcheck.revocation.replica import Replica, Verdict
from coatcheck.revocation.subscriber import Flight, Heard, Subscriber
from tests.simulation.loop import Loop

if TYPE_CHECKING:
    from tests.simulation.world import World


class Repeated(Subscriber):
    """A subscriber whose transport delivers some answers a second time, late."""

    world: "World"
    process: "Running"

    def hear(self, flight: Flight, answer: Answer) -> Heard:
        heard = super().hear(flight, answer)
        self.process.note(heard)
        world = self.world
        if world.rng.random() < world.repetition:
            at = world.timeline.now + world.rng.random() * 6
            world.timeline.at(at, self._hear_again, flight, answer, owner=self.process.loop)
        return heard

    def _hear_again(self, flight: Flight, answer: Answer) -> None:
        self.process.note(super().hear(flight, answer))


class Interrupted(Replica):
    """A replica in whose test a process may be stopped."""

    process: "Running"

    def test(self, credential: Credential) -> Verdict:
        self.process._maybe_stop()
        return super().test(credential)


class Running:
    """A process that checks credentials. It is the clock of its own parts."""

    is_remote = False
    replica: Replica
    subscriber: Subscriber

    def __init__(self, world: "World", name: str, policy: Policy, accept_for: float) -> None:
        rng = world.rng
        self.world = world
        self.name = name
        self.policy = policy
        self.accept_for = accept_for
        self.rate = rng.choice((1 - world.drift, 1.0, 1 + world.drift))
        self._born = world.timeline.now
        self._booted = rng.random() * 100
        self._wall_ahead = rng.uniform(-2, 2)
        self.loop = Loop(world.timeline, self.steady, self.rate, world.failed)
        self.is_leaving = False
        self.is_forked = False
        self.trouble_at = world.timeline.now
        self.is_starting = False
        self.cut_until = 0.0
        self.slow_until = 0.0
        self.in_thread = False
        self._positions: list[tuple[float, Position]] = []
        self.new_epoch_at = -9.0

    # -- checking -----------------------------------------------------------------------------------------------------

    @property
    def checker(self) -> Checker:
        raise NotImplementedError

    def look(self, token: bytes) -> Remembered | Doubt:
        """Decide from memory."""
        return self.checker.check(token, CarriedBy.HEADER)

    async def settle(self, doubt: Doubt) -> Remembered:
        """Settle what memory can't decide."""
        raise NotImplementedError

    async def check(self, token: bytes) -> Remembered:
        """Decide on the loop."""
        decided = self.look(token)
        return decided if isinstance(decided, Remembered) else await self.settle(decided)

    # -- clocks -------------------------------------------------------------------------------------------------------

    def steady(self) -> float:
        return self._booted + (self.world.timeline.now - self._born) * self.rate

    def wall(self) -> float:
        return self.world.epoch_of_time + self._born + self._wall_ahead + self.steady() - self._booted

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.wall(), UTC)

    def step_wall(self, seconds: float) -> None:
        self._wall_ahead = max(-8.0, min(8.0, self._wall_ahead + seconds))
        self.world.trouble(self)

    def _wall_in_check(self) -> float:
        self._maybe_stop()
        return self.wall()

    def _steady_in_check(self) -> float:
        self._maybe_stop()
        return self.steady()

    def _maybe_stop(self) -> None:
        world = self.world
        if world.stops and world.rng.random() < world.stops:
            seconds = world.rng.choice((0.05, 0.5, 3.0, 9.0, 20.0))
            if not self.in_thread:
                self.trouble_at = max(self.trouble_at, world.timeline.now + seconds + 3.0)
            world.timeline.stop_inside(self.loop, seconds, whole=not self.in_thread)

    # -- life ---------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        raise NotImplementedError

    async def leave(self) -> None:
        raise NotImplementedError

    async def look_after(self) -> None:
        """Only a process with the store looks after the registry."""

    def ring(self) -> None:
        """A bell that reaches this process."""

    def hear(self, news: News) -> None:
        """A bell that says what happened; only the store's own do."""

    def fork_from(self, parent: Any) -> None:
        """Begin with a copy of the parent's memory, as a forked child does."""
        self.rate, self._born, self._booted = parent.rate, parent._born, parent._booted
        self._wall_ahead = parent._wall_ahead
        self.loop._rate = self.rate

    @property
    def lease(self) -> Lease:
        return self.subscriber.lease

    @property
    def called(self) -> str:
        """What receipts call it."""
        return self.name

    @property
    def number(self) -> str | None:
        """The registration's number in the registry."""
        return self.subscriber.registration

    def die(self) -> None:
        self.loop.close()

    def known_since(self, time: float) -> Position | None:
        """What had been applied at ``time``."""
        return next((position for at, position in reversed(self._positions) if at <= time), None)

    def note(self, heard: Heard) -> None:
        """Look at what became of an answer."""
        position = self.replica.position
        if position is not None and (not self._positions or self._positions[-1][1] != position):
            if self._positions and self._positions[-1][1].epoch != position.epoch:
                self.new_epoch_at = self.world.timeline.now
            self._positions.append((self.world.timeline.now, position))
        self.world.say(f"{self.name}: sync {heard.name} at {self.replica.position and self.replica.position.seq}")
        self.world.look_at(self)
