"""Running many schedules, in several processes, and telling about those that failed."""

import secrets
import sys
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from multiprocessing import get_context
from random import Random
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coatcheck.model import identifiers, position
from coatcheck.model.key import Algorithm
from coatcheck.tokens import keyring, opaque, refresh
from coatcheck.verify import authority as verifying
from tests.simulation.oracle import Broken
from tests.simulation.remote import in_world
from tests.simulation.strange import newer_feed
from tests.simulation.workload import LASTS, Workload
from tests.simulation.world import World

CHUNK = 250


class Failure(NamedTuple):
    """A schedule in which a promise was broken."""

    seed: int
    why: str


@contextmanager
def dice(seed: int) -> Iterator[None]:
    """Let identifiers and secrets come from the seed: then a schedule is the same every time."""
    rng = Random(seed)
    modules: tuple[Any, ...] = (identifiers, opaque, refresh, keyring)
    for module in modules:
        module.token_bytes = rng.randbytes
    position.token_hex = lambda size: rng.randbytes(size).hex()
    generate = keyring.generate
    keyring.generate = lambda algorithm: (
        Ed25519PrivateKey.from_private_bytes(rng.randbytes(32)) if algorithm is Algorithm.EDDSA else generate(algorithm)
    )
    in_thread, verifying.in_thread = verifying.in_thread, in_world
    try:
        yield
    finally:
        verifying.in_thread = in_thread
        for module in modules:
            module.token_bytes = secrets.token_bytes
        position.token_hex = secrets.token_hex
        keyring.generate = generate


def run(seed: int, trace: list[str] | None = None) -> None:
    """One schedule. Raises Broken, or whatever else went wrong."""
    with dice(seed), newer_feed():
        world = World(seed, trace)
        Workload(world).plan()
        world.run(LASTS)


def breach(seed: int) -> str | None:
    """One schedule, and which promise was broken if one was. Raises whatever else went wrong."""
    try:
        run(seed)
    except Broken as broken:
        return str(broken)
    return None


def outcome(seed: int) -> Failure | None:
    """One schedule, and why it failed if it did. An unexpected exception counts."""
    try:
        broken = breach(seed)
    except Exception:  # noqa: BLE001 - told to whoever asked
        return Failure(seed, traceback.format_exc(limit=-3))
    return None if broken is None else Failure(seed, broken)


def _failures(seeds: range) -> list[Failure]:
    return list(filter(None, map(outcome, seeds)))


def run_many(seeds: range, workers: int, tell: Callable[[int], None] = lambda _: None) -> list[Failure]:
    """All schedules of ``seeds``, on so many processes; returns the failures. ``tell`` hears how many are done."""
    edges = [*range(seeds.start, seeds.stop, CHUNK), seeds.stop]
    chunks = [range(start, stop) for start, stop in pairwise(edges)]
    if workers == 1:
        found = map(_failures, chunks)
        return [failure for failures in found for failure in failures]
    failures: list[Failure] = []
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        done = 0
        for chunk, found_here in zip(chunks, pool.map(_failures, chunks), strict=True):
            failures += found_here
            done += len(chunk)
            tell(done)
    return failures


def replay(seed: int, lines: int = 0) -> str:
    """What happened in one schedule, as text: all of it, or the last ``lines`` that concern what went wrong."""
    trace: list[str] = []
    ending = "nothing was broken"
    try:
        run(seed, trace)
    except Broken as broken:
        ending = str(broken)
    if lines:
        trace = shortened(trace, lines)
    return "\n".join([f"seed {seed}: {ending}", *trace])


def shortened(trace: list[str], lines: int) -> list[str]:
    """What concerns the credential, its session and the process that the last line names, and what fate did."""
    words = set(trace[-1].replace(":", " ").split()) if trace else set()
    holds = [line for line in trace if "client: holds" in line and any(word in words for word in line.split()[3:4])]
    words |= {word for line in holds for word in line.split() if word.startswith("ses_")}
    process = (
        next((word for word in trace[-1].split()[2:5] if word.rstrip("'") in ("a", "b", "c", "r", "s")), "")
        if trace
        else ""
    )
    kept = [
        line
        for line in trace
        if "fate:" in line
        or "store:" in line
        or "returned" in line
        or "BROKEN" in line
        or f"  {process}: " in line
        or any(word in line for word in words if word.startswith(("ses_", "jwt", "cookie")))
    ]
    return kept[-lines:]


def print_progress(done: int) -> None:
    """Say how far it is, on one line."""
    print(f"\r{done} schedules", end="", file=sys.stderr, flush=True)
