"""The process above the workers goes on when one can't be started, and clears away what every dead one has left."""

import asyncio
import errno
import http.client
import logging
import os
import resource
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from coatcheck.cli.outcome import TROUBLE
from coatcheck.cli.serving.child import Orders
from coatcheck.cli.serving.supervisor import Supervisor
from tests.metrics.asking import Samples, parsed
from tests.serving import Serving, command_line, free_port

AT_MOST = 120.0
"""Seconds, for what hangs."""

SERVES, FAILS, HANGS = "serves", "fails", "hangs"
NOTHING_LEFT = [
    OSError(errno.EMFILE, "Too many open files"),
    OSError(errno.EAGAIN, "Resource temporarily unavailable"),
    RuntimeError("can't start new thread"),
]


class Pretended:
    """A worker that is no process. It ends when it is killed, or asked to."""

    def __init__(self, name: str, slot: int, replaces: tuple[str, ...], does: str) -> None:
        self.name, self.slot, self.replaces = name, slot, replaces
        self.is_ready, self.secrets = False, ("1234",)
        self.process = self
        self._does = does
        self._end = asyncio.Event()

    @property
    def is_living(self) -> bool:
        return not self._end.is_set()

    async def becomes_ready(self) -> bool:
        if self._does == HANGS:
            await self._end.wait()
        self.is_ready = self._does == SERVES
        return self.is_ready

    def signal(self, number: signal.Signals) -> None:
        if number in (signal.SIGKILL, signal.SIGINT, signal.SIGTERM):
            self._end.set()

    async def ended(self) -> int:
        await self._end.wait()
        return -signal.SIGKILL

    wait = ended

    async def ends_within(self, _: float) -> bool:
        await self._end.wait()
        return True


class Beginnings:
    """In the place of ``Worker``: what comes of each beginning, one after the other."""

    def __init__(self, *outcomes: str | Exception) -> None:
        self._outcomes = list(outcomes)
        self.begun: list[Pretended] = []

    async def begin(self, name: str, slot: int, *_: Any, replaces: tuple[str, ...], denies: bool) -> Pretended:
        outcome = self._outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        self.begun.append(Pretended(name, slot, replaces, outcome))
        return self.begun[-1]

    def is_serving(self, count: int) -> Callable[[], bool]:
        """Whether so many have begun, and the last one serves."""
        return lambda: len(self.begun) == count and self.begun[-1].is_ready


@pytest.fixture
def beginnings(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Beginnings]:
    def of(*outcomes: str | Exception) -> Beginnings:
        made = Beginnings(*outcomes)
        monkeypatch.setattr("coatcheck.cli.serving.supervisor.Worker", made)
        return made

    return of


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(AT_MOST):
        while not condition():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.005)


@contextmanager
def supervised(count: int) -> Iterator["asyncio.Task[int]"]:
    async def prepare() -> None:
        pass

    with socket.socket() as listener:
        yield asyncio.create_task(Supervisor(count, listener, Orders(), prepare, name="here").run())


async def end(running: "asyncio.Task[int]") -> int:
    signal.raise_signal(signal.SIGTERM)
    async with asyncio.timeout(AT_MOST):
        return await running


@pytest.mark.anyio
@pytest.mark.parametrize("fault", NOTHING_LEFT, ids=["no descriptor", "no process", "no thread"])
async def test_a_worker_that_cant_be_started_is_tried_again(
    fault: Exception, beginnings: Callable[..., Beginnings], caplog: pytest.LogCaptureFixture
) -> None:
    workers = beginnings(fault, SERVES, fault, fault, SERVES)
    with supervised(1) as running:
        await until(workers.is_serving(1))
        workers.begun[0].signal(signal.SIGKILL)
        await until(workers.is_serving(2))
        assert await end(running) == 0
    said = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(said) == 3
    reason = (getattr(fault, "strerror", None) or str(fault)).lower()
    assert all(f"can't be started ({reason}); it is tried again" in record.message for record in said)
    assert all(record.exc_info is None for record in said)


@pytest.mark.anyio
@pytest.mark.parametrize("fault", NOTHING_LEFT, ids=["no descriptor", "no process", "no thread"])
async def test_a_reload_that_cant_start_a_worker_keeps_the_old_one(
    fault: Exception, beginnings: Callable[..., Beginnings], caplog: pytest.LogCaptureFixture
) -> None:
    workers = beginnings(SERVES, fault, SERVES)
    caplog.set_level(logging.INFO, "coatcheck")
    with supervised(1) as running:
        await until(workers.is_serving(1))
        signal.raise_signal(signal.SIGHUP)
        await until(lambda: "can't be started" in caplog.text)
        assert "; the ones before go on" in caplog.text
        assert workers.begun[0].is_living
        assert "were replaced" not in caplog.text
        signal.raise_signal(signal.SIGHUP)
        await until(lambda: "were replaced" in caplog.text)
        assert [each.is_living for each in workers.begun] == [False, True]
        assert await end(running) == 0


@pytest.mark.anyio
async def test_when_nobody_keeps_the_workers_any_more_it_ends(
    beginnings: Callable[..., Beginnings], caplog: pytest.LogCaptureFixture
) -> None:
    workers = beginnings(SERVES, LookupError("nobody thought of this"))
    with supervised(2) as running:
        async with asyncio.timeout(AT_MOST):
            assert await running == TROUBLE
    assert not workers.begun[0].is_living
    assert "nobody thought of this" in caplog.text


@pytest.mark.anyio
async def test_the_next_one_that_serves_clears_away_all_that_ended_before(
    beginnings: Callable[..., Beginnings],
) -> None:
    workers = beginnings(SERVES, SERVES, FAILS, FAILS, SERVES, SERVES)
    with supervised(2) as running:
        await until(workers.is_serving(2))
        killed, _ = begun = workers.begun
        killed.signal(signal.SIGKILL)
        await until(workers.is_serving(5))
        begun[4].signal(signal.SIGKILL)
        await until(workers.is_serving(6))
        assert await end(running) == 0
    names = [each.name for each in begun]
    assert begun[2].replaces == (names[0],)
    assert begun[3].replaces == (names[0], names[2])
    assert begun[4].replaces == (names[0], names[2], names[3])
    assert begun[5].replaces == (names[4],), "the others have been cleared away"


@pytest.mark.anyio
async def test_one_that_a_reload_starts_clears_them_away_too(
    beginnings: Callable[..., Beginnings], caplog: pytest.LogCaptureFixture
) -> None:
    workers = beginnings(SERVES, HANGS, SERVES, SERVES)
    caplog.set_level(logging.INFO, "coatcheck")
    with supervised(1) as running:
        await until(workers.is_serving(1))
        workers.begun[0].signal(signal.SIGKILL)
        await until(lambda: len(workers.begun) == 2)
        signal.raise_signal(signal.SIGHUP)
        await until(lambda: "were replaced" in caplog.text)
        workers.begun[2].signal(signal.SIGKILL)
        await until(workers.is_serving(4))
        assert await end(running) == 0
    killed, hanging, reloaded, last = workers.begun
    assert reloaded.replaces == (killed.name,)
    assert last.replaces == (hanging.name, reloaded.name)


@contextmanager
def two_workers(folder: Path, **environment: str) -> Iterator[Serving]:
    """Until the block ends, two of which the process above them knows that they serve: metrics say so."""
    port = free_port()
    options = ("--drain-for", "0", "--metrics", f"127.0.0.1:{port}")
    with Serving(folder, workers=2, options=options, **environment) as serving:
        wait_for(lambda: scraped(port).of("coatcheck_workers", state="ready") == 2, serving)
        yield serving


def scraped(port: int) -> Samples:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=AT_MOST)) as connection:
        connection.request("GET", "/metrics")
        return parsed(connection.getresponse().read().decode())


def wait_for(condition: Callable[[], object], serving: Serving) -> None:
    ends = time.monotonic() + AT_MOST
    while not condition():
        assert time.monotonic() < ends, serving.output.read_text()
        time.sleep(0.01)


def kill_one(serving: Serving) -> str:
    """Kill a worker; its name."""
    victim = serving.worker_pids()[0]
    name = next(each for each in serving.registered() if each.encode() in command_line(victim))
    os.kill(victim, signal.SIGKILL)
    return name


@pytest.mark.xdist_group("workers")
def test_without_a_descriptor_for_it_no_worker_is_lost_for_ever(tmp_path: Path) -> None:
    with two_workers(tmp_path) as serving:
        limits = resource.prlimit(serving.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(serving.pid, resource.RLIMIT_NOFILE, (3, limits[1]))
        name = kill_one(serving)
        wait_for(lambda: "can't be started (too many open files)" in serving.output.read_text(), serving)
        resource.prlimit(serving.pid, resource.RLIMIT_NOFILE, limits)
        serving.wait_for_registrations(without=frozenset((name,)), patience=AT_MOST)
        assert serving.stop() == 0
        assert "Traceback" not in serving.output.read_text()


@pytest.mark.xdist_group("workers")
def test_a_killed_worker_is_cleared_away_though_its_successor_never_served(tmp_path: Path) -> None:
    with two_workers(tmp_path, COATCHECK_REVOCATION_LEASE="1h") as serving:  # nothing else clears it away
        before = set(serving.worker_pids())
        name = kill_one(serving)
        wait_for(lambda: set(serving.worker_pids()) - before, serving)
        (successor,) = set(serving.worker_pids()) - before
        os.kill(successor, signal.SIGKILL)
        serving.wait_for_registrations(without=frozenset((name,)), patience=AT_MOST)
        assert serving.output.read_text().count("was killed") == 2
