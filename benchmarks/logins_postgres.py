"""Logins per second of one and of two processes over one PostgreSQL, against what they can hash.

Argon2 is most of a login, and meant to be: more processes log more people in until every core hashes. In turns of a
second all processes hash only, at the default cost, then log people in; each ratio is of the same processes. With one
thread that hashes, one process leaves a core of two to PostgreSQL; two processes leave it none.
"""

import asyncio
import itertools
import multiprocessing
import os
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

from benchmarks.figure import Figure, figure
from benchmarks.propagation import PASSWORD, PEOPLE, SECRET, hash_only, log_in, repeat
from coatcheck import Auth, Settings
from coatcheck.settings import PasswordSettings
from tests.postgres import PostgresServer

CORES = os.cpu_count() or 1
TURNS = 5
SECONDS = 1.0


def measure() -> dict[str, Figure]:
    """Hashes and logins per second, and the ratio."""
    figures: dict[str, Figure] = {}
    with (
        tempfile.TemporaryDirectory(prefix="coatcheck-benchmark-") as folder,
        PostgresServer(Path(folder) / "postgres", durable=True) as server,
    ):
        url = server.new_database()
        asyncio.run(_populate(url))
        for processes, threads in itertools.product((1, 2), (1, CORES)):
            hashes, logins = _together(url, processes, threads)
            name = f"{processes} process{'es' if processes > 1 else ''}, {threads} hashing in each"
            figures |= {
                f"{name}: hashes per second": figure(median(hashes), "/s"),
                f"{name}: logins per second": figure(median(logins), "/s"),
                f"{name}: logins ÷ hashes": figure(
                    median(ours / most for ours, most in zip(logins, hashes, strict=True)), goal=0.9, at_least=True
                ),
            }
    return figures


async def _populate(url: str) -> None:
    async with Auth(Settings(database=url, secrets=(SECRET,))) as auth:
        for number in range(PEOPLE):
            await auth.create_user(f"person{number}@example.com", PASSWORD)


def _together(url: str, processes: int, threads: int) -> tuple[list[float], list[float]]:
    """Per second and turn, of all processes."""
    spawn = multiprocessing.get_context("spawn")
    pipes = [spawn.Pipe() for _ in range(processes)]
    workers = [spawn.Process(target=_work, args=(url, threads, theirs), daemon=True) for _, theirs in pipes]
    for worker in workers:
        worker.start()
    for ours, _ in pipes:
        ours.recv()  # it has started
    rates: dict[str, list[float]] = {"hash": [], "log in": []}
    for turn, what in itertools.product(range(TURNS), rates):
        for ours, _ in pipes:
            ours.send(what)
        rate = sum(ours.recv() for ours, _ in pipes)
        if turn:  # the first one opens connections
            rates[what].append(rate)
    for (ours, _), worker in zip(pipes, workers, strict=True):
        ours.send(None)
        worker.join(10)
    return rates["hash"], rates["log in"]


def _work(url: str, threads: int, ours: Connection) -> None:
    """A process that hashes or logs in for a turn, whichever it is told."""
    asyncio.run(_works(url, threads, ours))


async def _works(url: str, threads: int, ours: Connection) -> None:
    clients = CORES * 4
    people = itertools.cycle(range(os.getpid() % PEOPLE, os.getpid() % PEOPLE + PEOPLE))
    settings = Settings(database=url, secrets=(SECRET,), passwords=PasswordSettings(workers=threads))
    async with Auth(settings) as auth:
        ours.send("started")
        while (what := await asyncio.to_thread(ours.recv)) is not None:
            if what == "hash":
                count, took = await repeat(clients, SECONDS, lambda number: hash_only(auth, number))
            else:
                count, took = await repeat(clients, SECONDS, lambda _: log_in(auth, next(people) % PEOPLE))
            ours.send(count / took)
