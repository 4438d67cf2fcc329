"""How fast an ending holds everywhere: eight processes on one SQLite file.

One process ends sessions; seven others check the session that is to end. *Enforced in all* is from the answer in the
one to the moment at which the last of the others refuses: they look each time their replica has changed, and note the
clock (CLOCK_MONOTONIC, one for all processes of a machine). *Barrier* is all that ``wait=True`` takes, the commit too.
The third figure is how many logins per second one process answers, against what its cores can hash.
"""

import asyncio
import itertools
import multiprocessing
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import quantiles

from benchmarks.figure import Figure, figure
from coatcheck import Auth, Settings
from coatcheck.checking.doubt import Doubt
from coatcheck.errors import CredentialRefused
from coatcheck.model.client import Client
from coatcheck.model.principal import CarriedBy
from coatcheck.model.session import Carry
from coatcheck.testing import fast_passwords, login_as

PROCESSES = 8
PEOPLE = 200
SECRET = "made up for this benchmark, and random enough: 4kq9zx"
PASSWORD = "three quiet herons wade"


def measure(rounds: int = 200, seconds: float = 4.0) -> dict[str, Figure]:
    """Return each figure with its goal and unit."""
    with tempfile.TemporaryDirectory(prefix="coatcheck-benchmark-") as folder:
        enforced, barriers = propagation(rounds, f"sqlite:///{Path(folder) / 'app.db'}")
    logins, hashes = asyncio.run(_logins(seconds))
    return {
        "enforced in all of 8 processes, p50": figure(percentile(enforced, 50), "ms"),
        "enforced in all of 8 processes, p99": figure(percentile(enforced, 99), "ms", goal=25.0),
        "barrier over 8 processes, p50": figure(percentile(barriers, 50), "ms"),
        "barrier over 8 processes, p99": figure(percentile(barriers, 99), "ms", goal=50.0),
        "logins per second": figure(logins, "/s"),
        "logins ÷ what the cores can hash": figure(logins / hashes, goal=0.9, at_least=True),
    }


def percentile(values: list[float], percent: int) -> float:
    """One of the hundred."""
    return quantiles(values, n=100)[percent - 1]


# -- propagation -------------------------------------------------------------------------------------------------------


def propagation(rounds: int, database: str, cache: str | None = None) -> tuple[list[float], list[float]]:
    """Milliseconds until the last process refused, and milliseconds of each barrier."""
    spawn = multiprocessing.get_context("spawn")
    pipes = [spawn.Pipe() for _ in range(PROCESSES - 1)]
    checkers = [
        spawn.Process(target=_check_for_ever, args=(database, cache, number, theirs), daemon=True)
        for number, (_, theirs) in enumerate(pipes)
    ]
    for checker in checkers:
        checker.start()
    try:
        return asyncio.run(_end_again_and_again(database, cache, [ours for ours, _ in pipes], rounds))
    finally:
        for ours, _ in pipes:
            ours.send(None)
        for checker in checkers:
            checker.join(10)


def _auth(database: str, cache: str | None, name: str) -> Auth:
    return Auth(Settings(database=database, cache=cache, secrets=(SECRET,), passwords=fast_passwords()), name=name)


async def _end_again_and_again(
    database: str, cache: str | None, checkers: list[Connection], rounds: int
) -> tuple[list[float], list[float]]:
    enforced, barriers = [], []
    async with _auth(database, cache, "the one that ends") as auth:
        for checker in checkers:
            await asyncio.to_thread(checker.recv)  # it has started
        for turn in range(rounds * 2):
            login = await login_as(auth, carry=Carry.HEADER)
            token = login.headers["authorization"].removeprefix("Bearer ").encode()
            for checker in checkers:
                checker.send(token)
            for checker in checkers:
                await asyncio.to_thread(checker.recv)  # it has the session in memory
            waits = turn % 2 == 1
            began = time.monotonic()
            receipt = await auth.end_session(login.user.id, login.session.id, wait=waits)
            took = time.monotonic() - began
            refused_at = [await asyncio.to_thread(checker.recv) for checker in checkers]
            if waits:
                assert receipt is not None
                assert len(receipt.confirmed) == PROCESSES
                assert max(refused_at) <= began + took, "a checker refused only after the barrier had answered"
                barriers.append(took * 1000)
            else:
                enforced.append((max(refused_at) - (began + took)) * 1000)
    return [max(0.0, late) for late in enforced], barriers


def _check_for_ever(database: str, cache: str | None, number: int, ours: Connection) -> None:
    """A process that accepts the token it is sent until it is revoked, and says when that was."""
    asyncio.run(_checks(database, cache, number, ours))


async def _checks(database: str, cache: str | None, number: int, ours: Connection) -> None:
    async with _auth(database, cache, f"checker {number}") as auth:
        watching = _Watching(auth)
        ours.send("started")
        while (token := await asyncio.to_thread(ours.recv)) is not None:
            await auth.check(token)
            refused = watching.begin(token)
            ours.send("warm")
            ours.send(await refused)


class _Watching:
    """Looks at one token whenever there was news, since nothing else changes what a process knows: no polling, which on
    a few cores would be measured too."""

    def __init__(self, auth: Auth) -> None:
        self._auth = auth
        self._token = b""
        self._refused: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        auth._running.follower.listen(self._look)

    def begin(self, token: bytes) -> "asyncio.Future[float]":
        """The moment at which ``token`` is refused."""
        self._token = token
        self._refused = asyncio.get_running_loop().create_future()
        return self._refused

    def _look(self) -> None:
        if not self._refused.done() and _is_refused(self._auth, self._token):
            self._refused.set_result(time.monotonic())


def _is_refused(auth: Auth, token: bytes) -> bool:
    try:
        return isinstance(auth.checker.check(token, CarriedBy.HEADER, None), Doubt)
    except CredentialRefused:
        return True


# -- logins ------------------------------------------------------------------------------------------------------------


async def _logins(seconds: float) -> tuple[float, float]:
    """Logins per second of one process at the default cost, and what its cores can hash in that time.

    Many people log in, each a few times: of somebody who has a hundred logins each new one would end the oldest.
    """
    cores = os.cpu_count() or 1
    people = itertools.cycle(range(PEOPLE))
    with tempfile.TemporaryDirectory(prefix="coatcheck-benchmark-") as folder:
        settings = Settings(database=f"sqlite:///{Path(folder) / 'app.db'}", secrets=(SECRET,))
        async with Auth(settings) as auth:
            for number in range(PEOPLE):
                await auth.create_user(f"person{number}@example.com", PASSWORD)
            hashed = logged_in = hashing = logging_in = 0.0
            for _ in range(4):  # in turns, so that whatever else the machine does befalls both alike
                count, took = await repeat(cores * 4, seconds / 4, lambda n: hash_only(auth, n))
                hashed, hashing = hashed + count, hashing + took
                count, took = await repeat(cores * 4, seconds / 4, lambda _: log_in(auth, next(people)))
                logged_in, logging_in = logged_in + count, logging_in + took
    return logged_in / logging_in, hashed / hashing


async def repeat(clients: int, seconds: float, work: Callable[[int], Awaitable[None]]) -> tuple[int, float]:
    """How often so many clients did their work in so many seconds, and the seconds it was in the end."""
    began = time.monotonic()
    done = 0

    async def client(number: int) -> None:
        nonlocal done
        while time.monotonic() - began < seconds:
            await work(number)
            done += 1

    await asyncio.gather(*(client(number) for number in range(clients)))
    return done, time.monotonic() - began


async def hash_only(auth: Auth, number: int) -> None:
    """A login's hash, and nothing else of it."""
    means = auth._ready
    await means.pool.run(means.hasher.pretend, address=f"198.51.100.{number}")


async def log_in(auth: Auth, number: int) -> None:
    """One person."""
    client = Client(address=f"198.51.100.{number % 8}")
    await auth.login(f"person{number}@example.com", PASSWORD, carry=Carry.HEADER, client=client)


if __name__ == "__main__":
    for title, measured in measure().items():
        print(f"{title:40} {measured['value']:10} {measured['unit']}")
