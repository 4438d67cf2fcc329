"""One process of the simulated world: the real parts, over clocks and a way to the store that can't be relied on."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from coatcheck.authority import Answer, Delta, Found, LookUp, News, Question, Unregistered
from coatcheck.checking.cache import Cache, Remembered
from coatcheck.checking.checker import Checker
from coatcheck.checking.doubt import Doubt
from coatcheck.checking.keys import CheckingKeys
from coatcheck.checking.recall import Policy, Recall
from coatcheck.errors import OutcomeUnknown, StoreUnavailable
from coatcheck.flows.parts.means import Means
from coatcheck.passwords.attempts import Attempts
from coatcheck.passwords.devices import DeviceTokens
from coatcheck.revocation.lease import Lease
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
from tests.simulation.desk import Desk
from tests.simulation.running import Interrupted, Repeated, Running

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

    async def commit(self, work: Any, *, awaited: bool = False) -> Any:
        return await self._carry("transact_awaited" if awaited else "transact_and_tell", work)

    async def read(self, work: Any, *, needs_snapshot: bool = True) -> Any:
        return await self._carry("view", work)

    async def look_up(self, asked: Any) -> Any:
        return await self.read(lambda tx: tx.sessions.look_up(asked))

    async def write(self, work: Any, *, durable: bool = True) -> Any:
        return await self._carry("transact", work)

    async def read_registry(self, work: Any) -> Any:
        return await self._carry("registry_view", work)

    async def write_registry(self, work: Any, *, durable: bool = True) -> Any:
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

    async def register(self, name: str, accept_ms: int | None, credential: str | None = None) -> str:
        return await self._real.register(name, accept_ms, credential)

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

    async def sync_all(self, questions: Sequence[Question]) -> list[Answer]:
        answers = await self._real.sync_all(questions)
        return [
            answer if isinstance(answer, Unregistered) else self._world.stale_for(self._real, question) or answer
            for question, answer in zip(questions, answers, strict=True)
        ]

    async def look_up(self, asked: LookUp) -> Found:
        stale = self._world.stale_found(self._process, asked)
        return await self._real.look_up(asked) if stale is None else stale

    async def goodbye(self, registration: str, credential: str | None = None) -> None:
        await self._real.goodbye(registration, credential)


class Pool:
    """Argon2 takes its time; here it takes nothing else."""

    def __init__(self, world: "World") -> None:
        self._world = world

    def require_room(self, *, address: str, familiar: bool = False) -> None:
        """There is always some."""

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


class Process(Running):
    """A process that has the store: it checks credentials, runs flows, and serves whoever has no store."""

    def __init__(self, world: "World", name: str, policy: Policy, accept_for: float) -> None:
        super().__init__(world, name, policy, accept_for)
        self.store = Wire(world, self)
        settings = world.settings
        self.replica = Interrupted(world.remembered)
        self.replica.process = self
        self.subscriber = Repeated(self.replica, Lease())
        self.subscriber.world, self.subscriber.process = world, self
        self.signers = Signers(SECRETS)
        self.keys = CheckingKeys(self.replica, self.signers.secret_of)
        self._checker = Checker(
            replica=self.replica,
            lease=self.subscriber.lease,
            cache=Cache(b"k" * 32, world.cached),
            keys=self.keys,
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
            self._checker,
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
        self._is_looking_after = False
        self.desk = Desk(self)

    @property
    def checker(self) -> Checker:
        return self._checker

    async def settle(self, doubt: Doubt) -> Remembered:
        return await self.recall.settle(doubt)

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
        if self._is_looking_after:  # one round at a time
            return
        self._is_looking_after = True
        try:
            await self.janitor.look(self.now())
            await self.settler.look()
        except StoreUnavailable:
            self.world.trouble(self)
        finally:
            self._is_looking_after = False

    def fork_from(self, parent: "Process") -> None:
        """Begin with a copy of the parent's memory, as a forked child does."""
        super().fork_from(parent)
        ours, theirs = self.replica, parent.replica
        for field, value in vars(theirs).items():
            if field != "process":
                setattr(ours, field, value.copy() if isinstance(value, dict | set) else value)
        for field in Lease.__slots__:
            setattr(self.subscriber.lease, field, getattr(parent.subscriber.lease, field))
        self.subscriber.registration = parent.subscriber.registration
        self._checker._cache._entries.update(parent.checker._cache._entries)
        self.signers._symmetric = dict(parent.signers._symmetric)
        self.forked()

    def forked(self) -> None:
        """What runs in a child before anything is checked (rule 5)."""
        self.is_forked = True
        self.subscriber.leave()
        self.checker.forget_everything()

    def die(self) -> None:
        super().die()
        self.desk.fall_silent()

    def ring(self) -> None:
        if self.world.tells_news:
            self.follower.ring_unless_told()
        else:
            self.follower.ring()

    def hear(self, news: News) -> None:
        self.follower.heed(news)

    async def _look_up(self, asked: LookUp, fresh: bool) -> Found:
        return await self.flights.look_up(asked, fresh)

    async def _load_keys(self) -> None:
        self.signers.learn(tuple(await self.store.read(lambda tx: tx.keys.all())))
