"""A service that has no store: the real parts of a Verifier, over a network that can't be relied on."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from coatcheck.checking.cache import Remembered
from coatcheck.checking.checker import Checker
from coatcheck.checking.doubt import Doubt
from coatcheck.checking.recall import Policy
from coatcheck.errors import StoreUnavailable
from coatcheck.verify.address import Address
from coatcheck.verify.credential import Secret
from coatcheck.verify.following import PATIENCE, Following, Plan
from coatcheck.verify.http import Answered, Http
from tests.simulation.running import Interrupted, Repeated, Running

if TYPE_CHECKING:
    from tests.simulation.desk import Desk
    from tests.simulation.world import World

Result = TypeVar("Result")

ADDRESS: Final = Address.of("http://localhost", insecure_http=False)


class Exchange:
    """A request on its way to a server, and its answer on the way back. Both may be late, lost or come twice."""

    def __init__(
        self, remote: "Remote", method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> None:
        self.remote, self.method, self.path, self.headers, self.body = remote, method, path, headers, body
        self.answered: asyncio.Future[Answered] = remote.loop.create_future()
        self.gone: asyncio.Future[None] | None = None
        self.desk: Desk | None = None
        self._back: float | None = 0.0

    def send(self) -> None:
        """Set out. Now and then what lies between repeats a request, late, and keeps its answer."""
        world = self.remote.world
        there, self._back = world.travel(self.remote)
        world.timeline.at(world.timeline.now + there, self._arrive)
        if world.repetition and world.rng.random() < world.repetition / 4:
            again = Exchange(self.remote, self.method, self.path, self.headers, self.body)
            again._back = None
            world.timeline.at(world.timeline.now + there + world.rng.random() * 6, again._arrive)

    def _arrive(self) -> None:
        world, remote = self.remote.world, self.remote
        desks = [process.desk for process in world.servers() if process.desk.is_open]
        is_cut = world.is_cut_off(remote, itself=True) or (
            world.timeline.now < remote.feed_cut_until and self.path.startswith("api/feed")
        )
        if not desks or is_cut or world.rng.random() < world.loss:
            world.trouble(remote)
            self._fail(0.01 if world.rng.random() < 0.6 else None)
            return
        self.desk = world.rng.choice(desks)
        world.timeline.at(world.timeline.now, self.desk.receive, self, owner=self.desk.process.loop)

    def answer(self, answered: Answered) -> None:
        """The server has answered."""
        world, remote = self.remote.world, self.remote
        if answered.status not in (200, 204, 409):
            world.trouble(remote)
        if self._back is None or world.is_cut_off(remote, itself=True) or world.rng.random() < world.loss:
            world.trouble(remote)
            self._fail(0.5 if world.rng.random() < 0.5 else None)
            return
        world.timeline.at(world.timeline.now + self._back, self._settle, answered, owner=remote.loop)

    def break_off(self) -> None:
        """The server has died."""
        self.remote.world.trouble(self.remote)
        self._fail(0.01 if self.remote.world.rng.random() < 0.7 else None)

    def hang_up(self) -> None:
        """Nobody waits for the answer any more; mostly the server hears of it."""
        world, desk = self.remote.world, self.desk
        if desk is not None and self.gone is not None and world.rng.random() < 0.7:
            world.timeline.at(world.timeline.now + 0.01, self._tell_gone, owner=desk.process.loop)

    async def wait_until_gone(self) -> None:
        if self.gone is not None:
            await self.gone

    def _tell_gone(self) -> None:
        if self.gone is not None and not self.gone.done():
            self.gone.set_result(None)

    def _settle(self, answered: Answered) -> None:
        if not self.answered.done():
            self.answered.set_result(answered)

    def _fail(self, after: float | None) -> None:
        def fail() -> None:
            if not self.answered.done():
                self.answered.set_exception(StoreUnavailable())

        if after is not None and self._back is not None:
            timeline = self.remote.world.timeline
            timeline.at(timeline.now + after, fail, owner=self.remote.loop)


class Asked(Exception):
    """A request that a thread would wait for now."""

    def __init__(self, exchange: Exchange, within: float) -> None:
        self.exchange = exchange
        self.within = within


class Wires(Http):
    """Exchanges in the place of a connection pool."""

    remote: "Remote"
    answered: Answered | None

    def request(
        self, method: str, path: str, *, headers: Mapping[str, str], body: bytes | None, within: float
    ) -> Answered:
        answered, self.answered = self.answered, None
        if answered is None:
            raise Asked(Exchange(self.remote, method, path, headers, body), within)
        return answered


async def in_world(work: Callable[[], Result]) -> Result:
    """In the place of a thread: run ``work`` up to its request, and once more when the answer is there."""
    try:
        return work()
    except Asked as asked:
        exchange, within = asked.exchange, asked.within
    exchange.send()
    try:
        async with asyncio.timeout(within):
            answered = await exchange.answered
    except TimeoutError:
        raise StoreUnavailable from None
    finally:
        exchange.hang_up()
    exchange.remote.wires.answered = answered
    return work()


class Remote(Running):
    """One life of a Verifier, without its thread: its loop is the simulated process's own."""

    is_remote = True

    def __init__(self, world: "World", name: str, policy: Policy, accept_for: float) -> None:
        super().__init__(world, name, policy, accept_for)
        self.feed_cut_until = 0.0
        self.credential_id, secret = world.credential_of(name)
        clock: Any = SimpleNamespace(wall=self._wall_in_check, steady=self._steady_in_check)
        self.following = Following(
            Plan(
                address=ADDRESS,
                issuer=world.settings.issuer,
                audience=world.settings.issuer,
                credential=Secret(secret),
                policy=policy,
                accept_for=timedelta(seconds=accept_for),
                name=name,
                leeway=world.settings.tokens.leeway,
                remember_events=world.remembered,
                cache_records=world.cached,
                ssl_context=None,
                clock=clock,
            )
        )
        self.follower = self.following._follower
        self._tap()

    def _tap(self) -> None:
        """Let what can go wrong in a process go wrong in these parts, too: they stay what they are otherwise."""
        parts = (self.following._replica, self.following.subscriber, self.following._http)
        for part, kind in zip(parts, (Interrupted, Repeated, Wires), strict=True):
            part.__class__ = kind
        replica, subscriber, wires = cast("tuple[Interrupted, Repeated, Wires]", parts)
        self.replica, self.subscriber, self.wires = replica, subscriber, wires
        replica.process = subscriber.process = wires.remote = self
        subscriber.world, wires.answered = self.world, None

    @property
    def checker(self) -> Checker:
        return self.following.deciding.checker

    @property
    def called(self) -> str:
        service = self.name.rstrip("'")
        return f"{service} {self.name}"

    @property
    def number(self) -> str | None:
        registration = self.subscriber.registration
        return None if registration is None else registration.partition(".")[0]

    async def settle(self, doubt: Doubt) -> Remembered:
        try:
            async with asyncio.timeout(PATIENCE):
                return await self.following.settle(doubt.token, doubt.carried_by, self.policy)
        except TimeoutError:
            raise StoreUnavailable from None

    async def start(self) -> None:
        self.is_starting = True
        await self.following._begin()
        self.is_starting = False

    async def leave(self) -> None:
        """As ``Following.stop`` does; requests are still coming."""
        self.is_leaving = True
        self.subscriber.lease.drop()
        with suppress(StoreUnavailable):
            await self.follower.stop()

    def fork_from(self, parent: Any) -> None:
        """A forked Verifier begins a new life; of the parent's it keeps nothing."""
        super().fork_from(parent)
        self.is_forked = True
