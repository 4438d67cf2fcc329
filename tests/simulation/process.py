"""One process of the simulated world: the real parts, over clocks and a way to the store that can't be relied on."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from coatcheck.authority import Answer, Delta, Found, LookUp, Question
from coatcheck.checking.cache import Cache
from coatcheck.checking.checker import Checker
from coatcheck.checking.keys import CheckingKeys
from coatcheck.checking.recall import Policy, Recall
from coatcheck.errors import OutcomeUnknown, StoreUnavailable
from coatcheck.flows.parts.means import Means
from coatcheck.model.position import Position
from coatcheck.passwords.attempts import Attempts
from coatcheck.passwords.devices import DeviceTokens
from coatcheck.revocation.credential import Credential
from coatcheck.revocation.lease import Lease
from coatcheck.revocation.replica import Replica, Verdict
from coatcheck.revocation.subscriber import Flight, Heard, Subscriber
from coatcheck.settings import AttemptSettings
from coatcheck.stores.authority import StoreAuthority
from coatcheck.tokens.api_key import API_KEY_PREFIX, SERVICE_SECRET_PREFIX, KeyTokens
from coatcheck.tokens.derivation import Secrets
from coatcheck.tokens.opaque import SESSION_PREFIX, OpaqueTokens
from coatcheck.tokens.refresh import RefreshTokens
from coatcheck.tokens.signers import Signers
from coatcheck.upkeep.enforce import Enforcer
from coatcheck.upkeep.flights import Flights
from coatcheck.upkeep.follow import Follower
from coatcheck.upkeep.janitor import Janitor
from coatcheck.upkeep.settle import Settler
from tests.simulation.loop import Loop

if TYPE_CHECKING:
    from tests.simulation.world import World

SECRETS: Final = Secrets(["a secret of the simulated world, long enough"])
SESSION_TOKENS: Final = OpaqueTokens(SESSION_PREFIX, SECRETS)
REFRESH_TOKENS: Final = RefreshTokens(SECRETS)
API_KEYS: Final = KeyTokens(API_KEY_PREFIX, SECRETS)
SERVICE_SECRETS: Final = KeyTokens(SERVICE_SECRET_PREFIX, SECRETS)
DEVICES: Final = DeviceTokens(SECRETS.current("device token").key)
ATTEMPTS: Final = Attempts(AttemptSettings(per_account=1000, per_device=1000, per_address=1000))


class Wire:
    """The store, as one process reaches it: every unit of work travels there and its outcome back, and either may be
    late or lost. A unit of work is atomic; what lies between two of them is not."""

    beside = None

    def __init__(self, world: "World", process: "Process") -> None:
        self._world = world
        self._process = process

    async def read(self, work: Any) -> Any:
        return await self._carry("view", work)

    async def write(self, work: Any, *, durable: bool = True) -> Any:
        return await self._carry("transact", work)

    async def read_registry(self, work: Any) -> Any:
        return await self._carry("registry_view", work)

    async def write_registry(self, work: Any) -> Any:
        return await self._carry("registry_transact", work)

    def _carry(self, verb: str, work: Any) -> asyncio.Future[Any]:
        world, process = self._world, self._process
        future = process.loop.create_future()
        there, back = world.travel(process)
        world.timeline.at(world.timeline.now + there, self._arrive, verb, work, future, back)
        return future

    def _arrive(self, verb: str, work: Any, future: asyncio.Future[Any], back: float | None) -> None:
        world, process = self._world, self._process
        if world.is_cut_off(process):
            world.trouble(process)
            fault = StoreUnavailable()
            self._deliver(future, None, fault, 0.01 if world.rng.random() < 0.7 else None)
            return
        if world.rng.random() < world.loss:  # the question is lost
            world.trouble(process)
            self._deliver(future, None, StoreUnavailable(), 1.0 if world.rng.random() < 0.5 else None)
            return
        result, fault = None, None
        try:
            result = world.run_work(verb, work)
        except Exception as caught:  # noqa: BLE001 - it belongs to whoever asked
            fault = caught
        if world.rng.random() < world.loss:  # the answer is lost
            world.trouble(process)
            result, fault, back = None, OutcomeUnknown() if "transact" in verb else StoreUnavailable(), 0.5
        self._deliver(future, result, fault, back)

    def _deliver(self, future: asyncio.Future[Any], result: Any, fault: Exception | None, after: float | None) -> None:
        if after is not None:
            loop = self._process.loop
            at = self._world.timeline.now + after
            self._world.timeline.at(at, _settle, future, result, fault, owner=loop)


def _settle(future: asyncio.Future[Any], result: Any, fault: Exception | None) -> None:
    if future.done():
        return
    if fault is not None:
        future.set_exception(fault)
    else:
        future.set_result(result)


class Relay:
    """What stands between a process and the authority at times: a server that gives out an answer read a while ago and
    says how old it is, and a standby that lags behind."""

    def __init__(self, world: "World", process: "Process") -> None:
        self._world = world
        self._process = process
        self._real = StoreAuthority(
            process.store, process.now, most_events=world.most_events, most_in_snapshot=world.most_in_snapshot
        )
        self._kept: tuple[Question, Answer, float] | None = None

    async def register(self, name: str, accept_ms: int | None) -> str:
        return await self._real.register(name, accept_ms)

    async def sync(self, question: Question) -> Answer:
        world = self._world
        stale = world.stale_answer(self._process, question)
        if stale is not None:
            world.trouble(self._process)
            return stale
        if self._kept is not None and world.rng.random() < 0.5:
            (asked, answer, read_at), self._kept = self._kept, None
            if (asked.registration, asked.applied) == (question.registration, question.applied):
                age = (world.timeline.now - read_at) * world.rng.choice((0.9, 1.0, 1.1))
                return world.aged(answer, age)
        read_at = world.timeline.now
        answer = await self._real.sync(question)
        if world.has_relay and isinstance(answer, Delta):
            self._kept = (question, answer, read_at)
        return answer

    async def look_up(self, asked: LookUp) -> Found:
        stale = self._world.stale_found(self._process, asked)
        return await self._real.look_up(asked) if stale is None else stale

    async def goodbye(self, registration: str) -> None:
        await self._real.goodbye(registration)


class Repeated(Subscriber):
    """A subscriber whose transport delivers some answers a second time, late."""

    world: "World"
    process: "Process"

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

    process: "Process"

    def test(self, credential: Credential) -> Verdict:
        self.process._maybe_stop()
        return super().test(credential)


class Pool:
    """Argon2 takes its time; here it takes nothing else."""

    def __init__(self, world: "World") -> None:
        self._world = world

    async def run(self, work: Any, *args: Any, address: str = "", familiar: bool = False) -> Any:
        await asyncio.sleep(self._world.rng.choice((0.05, 0.2, 1.5, 4.0)))
        return work(*args)


class Hasher:
    """A password hash that hides nothing and costs nothing."""

    def verify(self, stored: str | None, password: str) -> bool:
        return stored == self.hash(password)

    def hash(self, password: str) -> str:
        return f"plain:{password}"

    def needs_rehash(self, stored: str) -> bool:
        return False


class Process:
    """A process that checks credentials and runs flows. It is the clock of its own parts."""

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
        self.in_thread = False
        self._positions: list[tuple[float, Position]] = []
        self.store = Wire(world, self)
        settings = world.settings
        self.replica = Interrupted(world.remembered)
        self.replica.process = self
        self.subscriber = Repeated(self.replica, Lease())
        self.subscriber.world, self.subscriber.process = world, self
        self.signers = Signers(SECRETS)
        self.checker = Checker(
            replica=self.replica,
            lease=self.subscriber.lease,
            cache=Cache(b"k" * 32, world.cached),
            keys=CheckingKeys(self.replica, self.signers.secret_of),
            session_tokens=SESSION_TOKENS,
            wall=self._wall_in_check,
            steady=self._steady_in_check,
            issuer=settings.issuer,
            audience=settings.issuer,
            cache_for=settings.tokens.access_for,
            leeway=settings.tokens.leeway,
            grace=settings.sessions.grace,
            flush_interval=settings.sessions.flush_touches_every,
        )
        self.authority = Relay(world, self)
        self.follower = self._new_follower()
        self.flights = Flights(self.authority)
        self.recall = Recall(
            self.checker,
            look_up=self._look_up,
            learn_keys=self.follower.learn_keys,
            policy=policy,
            accept_for=timedelta(seconds=accept_for),
        )
        self.means = Means(
            store=self.store,  # type: ignore[arg-type]
            settings=settings,
            clock=self,
            hasher=Hasher(),  # type: ignore[arg-type]
            pool=Pool(world),  # type: ignore[arg-type]
            attempts=ATTEMPTS,
            devices=DEVICES,
            session_tokens=SESSION_TOKENS,
            refresh_tokens=REFRESH_TOKENS,
            api_keys=API_KEYS,
            service_secrets=SERVICE_SECRETS,
            signers=self.signers,
        )
        self.enforcer = Enforcer(self.store, self, self.replica, lambda: self.follower.ring())  # type: ignore[arg-type]
        self.janitor = Janitor(self.store, self)  # type: ignore[arg-type]
        self.settler = Settler(self.store, self)  # type: ignore[arg-type]

    def _new_follower(self) -> Follower:
        return Follower(
            self.subscriber,
            self.authority,
            self,
            name=self.name,
            accept_ms=int(self.accept_for * 1000) if self.policy is Policy.ACCEPT else None,
            interval=self.world.settings.revocation.lease.total_seconds() / 5,
            load_keys=self._load_keys,
        )

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
        self.is_starting = True  # an answer that is lost for good keeps it so
        try:
            await self._load_keys()
        except StoreUnavailable:
            self.world.trouble(self)
        await self.follower.start()
        self.is_starting = False

    async def leave(self) -> None:
        """Say goodbye, and go on answering the requests that are still coming."""
        self.is_leaving = True
        await self.follower.stop()

    async def look_after(self) -> None:
        """The rounds of the janitor and of whoever settles epochs, as the running parts of an application make them."""
        try:
            await self.janitor.look(self.now())
            await self.settler.look()
        except StoreUnavailable:
            self.world.trouble(self)

    def fork_from(self, parent: "Process") -> None:
        """Begin with a copy of the parent's memory, as a forked child does."""
        self.rate, self._born, self._booted = parent.rate, parent._born, parent._booted
        self._wall_ahead = parent._wall_ahead
        self.loop._rate = self.rate
        ours, theirs = self.replica, parent.replica
        for field, value in vars(theirs).items():
            if field != "process":
                setattr(ours, field, value.copy() if isinstance(value, dict | set) else value)
        for field in Lease.__slots__:
            setattr(self.subscriber.lease, field, getattr(parent.subscriber.lease, field))
        self.subscriber.registration = parent.subscriber.registration
        self.checker._cache._entries.update(parent.checker._cache._entries)
        self.signers._symmetric = dict(parent.signers._symmetric)
        self.forked()

    def forked(self) -> None:
        """What runs in a child before anything is checked (rule 5)."""
        self.is_forked = True
        self.subscriber.leave()
        self.checker.forget_everything()

    def die(self) -> None:
        self.loop.close()

    def known_since(self, time: float) -> Position | None:
        """What had been applied at ``time``."""
        return next((position for at, position in reversed(self._positions) if at <= time), None)

    def note(self, heard: Heard) -> None:
        """Look at what became of an answer."""
        position = self.replica.position
        if position is not None and (not self._positions or self._positions[-1][1] != position):
            self._positions.append((self.world.timeline.now, position))
        self.world.say(f"{self.name}: sync {heard.name} at {self.replica.position and self.replica.position.seq}")
        self.world.look_at(self)

    async def _look_up(self, asked: LookUp, fresh: bool) -> Found:
        return await self.flights.look_up(asked, fresh)

    async def _load_keys(self) -> None:
        self.signers.learn(tuple(await self.store.read(lambda tx: tx.keys.all())))
