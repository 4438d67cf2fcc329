"""The process above the workers of ``coatcheck serve``: starts them, starts another when one dies, replaces them on
SIGHUP, and ends them on SIGTERM.

Ours and not uvicorn's, because a worker here has a name in every receipt, must have said goodbye before its process is
gone, and holds up barriers when it was killed: a successor starts at once and clears away its registration, which
nobody else may do before W has passed (``docs/revocation.md``, rule 15).
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Collection
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final

from coatcheck.cli.outcome import TROUBLE
from coatcheck.cli.serving.child import CANT_BEGIN, Orders, Worker, how_ended

if TYPE_CHECKING:
    from coatcheck.cli.serving.gathering import Gathering

log = logging.getLogger("coatcheck.serve")

_END_WITHIN: Final = 20.0
"""Seconds: ten for the requests under way, then the last touches and the goodbye."""

_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 5.0
"""Seconds before another try when a worker did not come to serve. One that served and died is replaced at once."""

_MOST_DEPARTED: Final = 100
"""A command line has an end. It takes minutes until so many have failed one after the other, and leases are short."""


class Supervisor:
    """``count`` workers over one listening socket. ``name`` is what receipts call them, before their number.

    ``prepare`` is awaited before the first one starts, and abandoned by a signal to end. ``gathering`` hears of every
    worker that comes and goes, where metrics are wanted.
    """

    def __init__(
        self,
        count: int,
        listener: socket.socket,
        orders: Orders,
        prepare: Callable[[], Awaitable[None]],
        *,
        name: str,
        gathering: "Gathering | None" = None,
    ) -> None:
        self._count = count
        self._listener = listener
        self._orders = orders
        self._prepare = prepare
        self._name = name
        self._gathering = gathering
        self._denies = False
        self._serving: dict[int, Worker] = {}
        self._living: set[Worker] = set()
        self._departed: defaultdict[int, deque[str]] = defaultdict(lambda: deque(maxlen=_MOST_DEPARTED))
        self._is_over = asyncio.Event()
        self._drains = False
        self._code = 0
        self._reloading: asyncio.Task[None] | None = None
        self._is_outdated = False

    async def run(self) -> int:
        """Serve until SIGTERM or SIGINT; return the exit code. Raises what preparing raises."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._finish, True)
        loop.add_signal_handler(signal.SIGINT, self._finish, False)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        loop.add_signal_handler(signal.SIGUSR1, self._deny, True)
        loop.add_signal_handler(signal.SIGUSR2, self._deny, False)
        if not await self._is_prepared():
            return self._code
        slots = [asyncio.create_task(self._keep(slot)) for slot in range(1, self._count + 1)]
        await self._is_over_or_failed(slots)
        for task in (*slots, *((self._reloading,) if self._reloading else ())):
            task.cancel()
        await self._end()
        return self._code

    async def _is_prepared(self) -> bool:
        """False when there was a signal to end first."""
        preparing = asyncio.ensure_future(self._prepare())
        await self._is_over_or_done(preparing)
        if self._is_over.is_set():
            preparing.cancel()
            await asyncio.gather(preparing, return_exceptions=True)
            return False
        await preparing
        return True

    async def _is_over_or_failed(self, slots: Collection[asyncio.Task[None]]) -> None:
        """Wait until this is to end, or until nobody keeps a slot any more: whoever started us can do better then."""
        await self._is_over_or_done(*slots)
        for slot in slots:
            if slot.done() and (fault := slot.exception()) is not None:
                log.error("keeping the workers failed; this ends", exc_info=fault)
                self._code = TROUBLE
                self._is_over.set()

    async def _is_over_or_done(self, *others: asyncio.Future[None]) -> None:
        """Wait until this is to end, or one of the others is done."""
        ending = asyncio.create_task(self._is_over.wait())
        waited_for: tuple[asyncio.Future[Any], ...] = (ending, *others)
        await asyncio.wait(waited_for, return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()

    def _finish(self, drains: bool) -> None:
        """The first signal lets everybody notice and everything be answered; the second waits for nothing."""
        if self._is_over.is_set():
            for worker in self._living:
                worker.signal(signal.SIGINT)
        self._drains = drains
        self._is_over.set()

    async def _keep(self, slot: int) -> None:
        """Whatever happens, one worker serves in this slot."""
        pause = 0.0
        while True:
            worker = self._serving.get(slot) or await self._fill(slot)
            if worker is None:
                pause = _longer(pause)
                await asyncio.sleep(pause)
                continue
            code = await worker.ended()
            self._depart(worker)
            if self._serving[slot] is not worker:  # replaced by a reload
                pause = 0.0
                continue
            del self._serving[slot]
            if not worker.is_ready and not any(each.is_ready for each in self._serving.values()):
                self._give_up(code)
                return
            how = how_ended(code)
            log.warning("%s %s; another one starts", worker.name, how, extra={"worker": worker.name, "code": code})
            if self._gathering is not None:
                self._gathering.deaths += 1
            pause = 0.0 if worker.is_ready else _longer(pause)
            await asyncio.sleep(pause)

    async def _fill(self, slot: int) -> Worker | None:
        """A worker in this empty slot, which serves or is about to end; None when none can be started now."""
        worker = await self._begin(slot, otherwise="it is tried again")
        if worker is not None:
            self._serving[slot] = worker
            if not await self._comes_to_serve(worker):
                worker.signal(signal.SIGKILL)
        return worker

    async def _begin(self, slot: int, *, otherwise: str) -> Worker | None:
        """Start one; None when that is impossible now, and then the log says why, and what happens ``otherwise``."""
        # A name is never used twice: a successor clears away the registrations under its predecessors'.
        name = f"{self._name} worker {slot} #{token_hex(4)}"
        replaces = tuple(self._departed[slot])
        try:
            worker = await Worker.begin(
                name, slot, self._listener, self._orders, replaces=replaces, denies=self._denies
            )
        except CANT_BEGIN as fault:
            reason = (getattr(fault, "strerror", None) or str(fault)).lower()
            log.error("%s can't be started (%s); %s", name, reason, otherwise, extra={"worker": name})
            return None
        self._living.add(worker)
        return worker

    async def _comes_to_serve(self, worker: Worker) -> bool:
        if not await worker.becomes_ready():
            return False
        for name in worker.replaces:
            with contextlib.suppress(ValueError):
                self._departed[worker.slot].remove(name)
        self._tell(worker)  # the switch may have been thrown while it started
        if self._gathering is not None:
            self._gathering.attend(worker)
        return True

    def _depart(self, worker: Worker) -> None:
        """It has ended; whoever comes to serve in its slot next clears away what it may have left."""
        self._living.discard(worker)
        if worker.name not in self._departed[worker.slot]:
            self._departed[worker.slot].append(worker.name)

    def _deny(self, is_denied: bool) -> None:
        """The local switch, for everything (``docs/revocation.md``, rule 19): pass it on to whoever serves."""
        self._denies = is_denied
        for worker in self._living:
            if worker.is_ready:
                self._tell(worker)

    def _tell(self, worker: Worker) -> None:
        worker.signal(signal.SIGUSR1 if self._denies else signal.SIGUSR2)

    def _reload(self) -> None:
        self._is_outdated = True  # also when they are being replaced: some may have read what has changed since
        if self._reloading is None or self._reloading.done():
            self._reloading = asyncio.create_task(self._replace_while_outdated())

    async def _replace_while_outdated(self) -> None:
        while self._is_outdated:
            self._is_outdated = False
            await self._replace_all()

    async def _replace_all(self) -> None:
        """One after the other: the new one serves before the old one is asked to end, and the old one is gone before
        the next one starts, so that there is never more than one too many (and its connections to PostgreSQL).

        No draining: whoever asks at ``readyz`` may get either, and must not take both for gone.
        """
        for slot, old in sorted(self._serving.items()):
            new = await self._begin(slot, otherwise="the ones before go on")
            if new is None:
                return
            if not await self._comes_to_serve(new):
                new.signal(signal.SIGKILL)
                log.error("%s did not start; the ones before go on", new.name, extra={"worker": new.name})
                await new.ended()
                self._depart(new)
                return
            if self._serving.get(slot) is old:
                self._serving[slot] = new
                await self._dismiss(old)
            else:  # it died meanwhile, and another one took its place
                await self._dismiss(new)
        self._say_replaced()

    async def _dismiss(self, worker: Worker) -> None:
        worker.signal(signal.SIGINT)
        if not await worker.ends_within(_END_WITHIN):
            log.warning("%s did not end within %g s and is killed", worker.name, _END_WITHIN)
            worker.signal(signal.SIGKILL)
        await worker.ended()
        self._depart(worker)

    def _say_replaced(self) -> None:
        """Whether a change of the secrets is through: which step comes next depends on it."""
        serving = [each.secrets for each in self._serving.values() if each.is_ready]
        if len(set(serving)) > 1:
            log.warning("the secrets changed while the workers were replaced, and not all have the same: reload")
        elif serving:
            said = "all workers (%d) were replaced; the secrets in force: %s"
            log.info(said, len(serving), ", ".join(serving[0]), extra={"secret_ids": serving[0]})

    def _give_up(self, code: int) -> None:
        """Nothing serves and nothing starts: trying again would fail the same way. The worker has said why."""
        self._code = code if code > 0 else TROUBLE
        self._is_over.set()

    async def _end(self) -> None:
        living, drain_for = list(self._living), self._orders.drain_for if self._drains else 0.0
        if drain_for:
            log.info("draining for %g s, then ending", drain_for)
        for worker in living:
            worker.signal(signal.SIGTERM if self._drains else signal.SIGINT)
        endings = asyncio.gather(*(worker.process.wait() for worker in living))
        try:
            async with asyncio.timeout(drain_for + _END_WITHIN):
                await asyncio.shield(endings)
        except TimeoutError:
            for worker in living:
                worker.signal(signal.SIGKILL)
            await endings
        if self._gathering is not None:
            await self._gathering.departed()


def _longer(pause: float) -> float:
    return min(max(_FIRST_PAUSE, pause * 2), _LONGEST_PAUSE)


def host_name() -> str:
    """What this machine is called, for the names of workers."""
    return os.uname().nodename
