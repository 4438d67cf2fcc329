"""What the feed costs a server, and how fast an ending reaches services that hold no database.

*Propagation*: one server process on SQLite, eight others with only a Verifier. *Refused at all* is from the answer to
the ending to the moment at which the last of the eight refuses (CLOCK_MONOTONIC, one for all processes of a machine);
*barrier* is all that ``wait=True`` takes, the commit too. *Idle subscribers*: a thousand connections in one process
poll as Verifiers do and nothing happens; what the server's process uses of a core meanwhile is CPU per second, read
from its own clock. The last figures are what a program pays for ``import coatcheck.verify``.
"""

import asyncio
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from socket import IPPROTO_TCP, socket
from statistics import median, quantiles
from typing import Any

import uvicorn

from benchmarks.figure import Figure, figure
from coatcheck import Auth, Settings
from coatcheck.checking.doubt import Doubt
from coatcheck.errors import CredentialRefused
from coatcheck.model.session import Carry
from coatcheck.settings import TokenSettings
from coatcheck.testing import fast_passwords, login_as
from coatcheck.verify import Verifier
from coatcheck.web.app import build

VERIFIERS = 8
IDLE = 1_000
SECRET = "made up for this benchmark, and random enough: 4kq9zx"
AUDIENCE = "orders"


def measure(rounds: int = 150, idle: int = IDLE, seconds: float = 10.0) -> dict[str, Figure]:
    """Return each figure with its goal and unit."""
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="coatcheck-benchmark-") as folder, socket(proto=IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(4096)
        ours, theirs = spawn.Pipe()
        server = spawn.Process(target=_serve, args=(folder, listening, theirs), daemon=True)
        server.start()
        try:
            url, secret = ours.recv()
            refused, barriers = _propagation(spawn, url, secret, ours, rounds)
            alone = _cpu_per_second(ours, seconds / 2)
            used, polls = _idle(spawn, url, secret, idle, ours, seconds)
        finally:
            with suppress(OSError):
                ours.send(("stop",))
            server.join(10)
    milliseconds, kilobytes = _import_cost()
    return {
        f"refused at all of {VERIFIERS} verifiers, p50": figure(_percentile(refused, 50), "ms"),
        f"refused at all of {VERIFIERS} verifiers, p99": figure(_percentile(refused, 99), "ms", goal=50.0),
        f"barrier over {VERIFIERS} verifiers, p50": figure(_percentile(barriers, 50), "ms"),
        f"barrier over {VERIFIERS} verifiers, p99": figure(_percentile(barriers, 99), "ms"),
        "server CPU per second, nobody following": figure(alone, "s"),
        f"server CPU per second, {idle:,} idle subscribers": figure(used, "s", goal=0.9),
        f"polls answered per second, {idle:,} idle subscribers": figure(polls, "/s"),
        "import coatcheck.verify": figure(milliseconds, "ms"),
        "memory of import coatcheck.verify": figure(kilobytes / 1024, "MB"),
    }


def _percentile(values: list[float], percent: int) -> float:
    return quantiles(values, n=100)[percent - 1]


# -- the server --------------------------------------------------------------------------------------------------------


def _serve(folder: str, listening: socket, pipe: Connection) -> None:
    url = f"http://localhost:{listening.getsockname()[1]}"
    settings = Settings(
        database=f"sqlite:///{Path(folder) / 'app.db'}",
        url=url,
        secrets=(SECRET,),
        passwords=fast_passwords(),
        tokens=TokenSettings(audiences=(AUDIENCE,)),
    )
    asyncio.run(_serving(Auth(settings, name="server"), url, listening, pipe))


async def _serving(auth: Auth, url: str, listening: socket, pipe: Connection) -> None:
    config = uvicorn.Config(build(auth), log_level="warning", access_log=False, http="httptools", backlog=4096)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    made = await auth.services.create(AUDIENCE, audiences=[AUDIENCE], feed=True)
    pipe.send((url, made.first.secret))
    while (asked := await asyncio.to_thread(pipe.recv))[0] != "stop":
        match asked:
            case ("log in",):
                login = await login_as(auth, carry=Carry.TOKENS, audience=AUDIENCE)
                token = login.headers["authorization"].removeprefix("Bearer ")
                pipe.send((token, login.user.id, login.session.id))
            case ("end", user_id, session_id, waits):
                began = time.monotonic()
                receipt = await auth.end_session(user_id, session_id, wait=waits)
                ended = time.monotonic()
                pipe.send((began, ended, None if receipt is None else len(receipt.confirmed)))
            case ("cpu",):
                pipe.send((time.process_time(), time.monotonic()))
    server.should_exit = True
    await running


def _cpu_per_second(server: Connection, seconds: float) -> float:
    server.send(("cpu",))
    used, at = server.recv()
    time.sleep(seconds)
    server.send(("cpu",))
    used_then, at_then = server.recv()
    return float((used_then - used) / (at_then - at))


# -- propagation -------------------------------------------------------------------------------------------------------


def _propagation(spawn: Any, url: str, secret: str, server: Connection, rounds: int) -> tuple[list[float], list[float]]:
    """Milliseconds until the last Verifier refused, and milliseconds of each barrier."""
    pipes = [spawn.Pipe() for _ in range(VERIFIERS)]
    verifiers = [
        spawn.Process(target=_verify, args=(url, secret, number, theirs), daemon=True)
        for number, (_, theirs) in enumerate(pipes)
    ]
    for process in verifiers:
        process.start()
    checkers = [ours for ours, _ in pipes]
    refused, barriers = [], []
    try:
        for checker in checkers:
            checker.recv()  # it has started
        for turn in range(rounds * 2):
            server.send(("log in",))
            token, user_id, session_id = server.recv()
            for checker in checkers:
                checker.send(token)
            for checker in checkers:
                checker.recv()  # it has accepted the token
            waits = turn % 2 == 1
            server.send(("end", user_id, session_id, waits))
            began, ended, confirmed = server.recv()
            refused_at = [checker.recv() for checker in checkers]
            if waits:
                assert confirmed == VERIFIERS + 1
                assert max(refused_at) <= ended, "a verifier refused only after the barrier had answered"
                barriers.append((ended - began) * 1000)
            else:
                refused.append(max(0.0, max(refused_at) - ended) * 1000)
    finally:
        for checker in checkers:
            with suppress(OSError):
                checker.send(None)
        for process in verifiers:
            process.join(10)
    return refused, barriers


def _verify(url: str, secret: str, number: int, pipe: Connection) -> None:
    """A process with only a Verifier: accepts the token it is sent until it is revoked, and says when that was."""
    with Verifier(url, audience=AUDIENCE, credential=secret, name=f"verifier {number}") as verifier:
        watching = _Watching(verifier)
        pipe.send("started")
        while (token := pipe.recv()) is not None:
            verifier.check(token)
            watching.begin(token.encode())
            pipe.send("warm")
            pipe.send(watching.refused_at())


class _Watching:
    """Looks at one token whenever the server has told news, since nothing else changes what the process knows: no
    polling, which on a few cores would be measured too."""

    def __init__(self, verifier: Verifier) -> None:
        following = verifier._alive
        self._checker, self._token = following.deciding.checker, b""
        self._refused: Future[float] = Future()
        following._follower.listen(self._look)

    def begin(self, token: bytes) -> None:
        """Look at ``token`` from now on."""
        self._token, self._refused = token, Future()
        self._look()

    def refused_at(self) -> float:
        """Wait until it is refused."""
        return self._refused.result()

    def _look(self) -> None:
        refused, token = self._refused, self._token
        try:
            is_refused = isinstance(self._checker.check(token), Doubt)
        except CredentialRefused:
            is_refused = True
        if is_refused:
            with suppress(InvalidStateError):  # both threads have seen it
                refused.set_result(time.monotonic())


# -- idle subscribers --------------------------------------------------------------------------------------------------


def _idle(
    spawn: Any, url: str, secret: str, subscribers: int, server: Connection, seconds: float
) -> tuple[float, float]:
    """CPU that the server's process uses per second while so many follow, and how many polls it answers."""
    ours, theirs = spawn.Pipe()
    crowd = spawn.Process(target=_crowd, args=(url, secret, subscribers, theirs), daemon=True)
    crowd.start()
    try:
        assert ours.recv() == "all follow"
        time.sleep(2.5)
        ours.send("begin")
        used = _cpu_per_second(server, seconds)
        ours.send("end")
        return used, ours.recv() / seconds
    finally:
        crowd.kill()
        crowd.join(10)


def _crowd(url: str, secret: str, subscribers: int, pipe: Connection) -> None:
    asyncio.run(_Crowd(url, secret).follow(subscribers, pipe))


class _Crowd:
    """Subscribers without what makes a Verifier costly: their part of the machine is not what is measured."""

    def __init__(self, url: str, secret: str) -> None:
        self._host, self._port = "127.0.0.1", int(url.rpartition(":")[2])
        self._secret = secret
        self._polls = 0

    async def follow(self, subscribers: int, pipe: Connection) -> None:
        """Follow, and count the answers between ``begin`` and ``end``."""
        connected = asyncio.Semaphore(20)
        following: list[asyncio.Task[None]] = []
        for _ in range(subscribers):
            await connected.acquire()
            following.append(asyncio.create_task(self._subscribe(connected)))
        for _ in range(20):
            await connected.acquire()
        pipe.send("all follow")
        await asyncio.to_thread(pipe.recv)
        before = self._polls
        await asyncio.to_thread(pipe.recv)
        for task in following:
            if task.done():
                task.result()
        pipe.send(self._polls - before)
        await asyncio.sleep(60)

    async def _subscribe(self, connected: asyncio.Semaphore) -> None:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        body: dict[str, Any] = {"wait_ms": 0, "name": "idle"}
        told = await self._ask(reader, writer, body)
        connected.release()
        while True:
            head = told["head"]
            body = {
                "registration": told["registration"],
                "position": {"epoch": head["epoch"], "seq": head["seq"]},
                "event_id": head["event_id"],
                "wait_ms": 1000,
            }
            told = await self._ask(reader, writer, body)
            self._polls += 1

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: Any) -> dict[str, Any]:
        sent = json.dumps(body).encode()
        writer.write(
            b"POST /auth/api/feed HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            b"authorization: Bearer %b\r\ncontent-length: %d\r\n\r\n%b" % (self._secret.encode(), len(sent), sent)
        )
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        told: dict[str, Any] = json.loads(await reader.readexactly(length))
        return told


# -- importing ---------------------------------------------------------------------------------------------------------


def _import_cost(times: int = 7) -> tuple[float, float]:
    """Milliseconds and KB of memory that the import takes, beside an interpreter that imports nothing."""
    code = """
import time
def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
before, began = resident(), time.perf_counter()
import coatcheck.verify
print((time.perf_counter() - began) * 1000, resident() - before)
"""
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ.copy())
        for _ in range(times)
    ]
    took, grown = zip(*(map(float, run.stdout.split()) for run in runs), strict=True)
    return median(took), median(grown)


if __name__ == "__main__":
    for title, measured in measure().items():
        print(f"{title:56} {measured['value']:10} {measured['unit']}")
