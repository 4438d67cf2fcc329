"""FT-07 and FT-08: the feed of remote verifiers is cut, stalled, dropped, repeated, reordered and held back, while
logins end five times a second. Nothing that was ended is accepted later than W afterwards."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from tests.faults.verifiers.judging import HEALS_WITHIN
from tests.faults.verifiers.namespaces import SERVER, Namespace, Network
from tests.faults.verifiers.scene import Scene

CALM = HEALS_WITHIN + 0.5
"""Seconds between two faults, and after the last one."""

HEALTHY = 30.0
"""Seconds before the first fault."""

POLICIES = ("online", "deny", "accept")


GIVES_UP = 13.0
"""Seconds until a verifier gives up an answer that never comes: three or four, or ten when it may be a snapshot."""


class Partition(NamedTuple):
    """What is broken (``chaos_proxy.Faults``) and for how many seconds; how it is judged (``judging.Fault``)."""

    kind: str
    broken: dict[str, Any]
    spans: tuple[float, ...]
    silent: bool = False
    heals_within: float = HEALS_WITHIN


SHORT = (
    Partition("answers repeated or older", {"replay": 0.25, "repeat": 0.25}, (2.0,)),
    Partition("answers held and coalesced", {"hold": 2.0}, (2.2,)),
    Partition("black hole", {"black_hole": True}, (2.2,), silent=True),
)
FULL = (
    Partition("black hole", {"black_hole": True}, (1, 5, 30), silent=True),
    Partition("answers lost", {"deaf": True}, (5, 30), silent=True),
    Partition("questions lost", {"mute": True}, (5, 30), silent=True),
    Partition("connections refused", {"refuse": True}, (5, 30), silent=True),
    Partition("stalled 3 s ± 1 s", {"stall": 3.0, "jitter": 1.0}, (60,)),
    Partition("half of the answers cut in the middle", {"cut": 0.5}, (60,)),
    Partition("30 % of answers dropped", {"drop": 0.3}, (60,), heals_within=GIVES_UP),
    Partition("25 % of answers older ones, 25 % repeated", {"replay": 0.25, "repeat": 0.25}, (60,)),
    Partition("answers held for 10 s and coalesced", {"hold": 10.0}, (60,)),
)


def run(
    folder: Path,
    *,
    partitions: Iterable[Partition] = FULL,
    lease: float = 5.0,
    calm: float = CALM,
    healthy: float = HEALTHY,
    pause: float = 0.01,
    seed: int = 0,
) -> dict[str, Any]:
    """Break the feed in every way, one after the other; return the figures.

    Raises AssertionError naming every violation.
    """
    with Scene(folder, lease=lease, seed=seed, lax=("accept",)) as scene:
        scene.start(
            *(scene.verifier(policy, policy=policy, pause=pause) for policy in POLICIES),
            scene.verifier("threads", policy="online", pause=pause, threads=3),
        )
        time.sleep(healthy)
        for partition in partitions:
            for span in partition.spans:
                judged: dict[str, Any] = {"silent": partition.silent, "heals_within": partition.heals_within}
                with scene.fault(f"{partition.kind}, {span:g} s", **judged, **partition.broken):
                    time.sleep(span)
                time.sleep(calm if partition.heals_within == HEALS_WITHIN else 0)
        time.sleep(max(0.0, CALM - calm))
        return scene.end().figures()


WAYS = {
    "wire out": Namespace.cut,
    "black hole": Namespace.black_hole,
    "nothing arrives": Namespace.deaf,
    "nothing leaves": Namespace.mute,
}
SPANS: dict[str, tuple[float, ...]] = {
    "wire out": (1, 5, 30, 300),
    "black hole": (1, 5, 30),
    "nothing arrives": (30,),
    "nothing leaves": (30,),
}


def run_namespaces(
    folder: Path,
    *,
    spans: dict[str, tuple[float, ...]] = SPANS,
    lease: float = 5.0,
    calm: float = CALM,
    healthy: float = HEALTHY,
    pause: float = 0.01,
    seed: int = 0,
) -> dict[str, Any]:
    """The same with wires: verifiers are in networks of their own, and one of the two is cut off for each of the
    ``spans`` (by way, ``WAYS``). Needs root and Linux. Returns the figures.

    Raises AssertionError naming every violation.
    """
    with Network(2) as network, Scene(folder, lease=lease, seed=seed, host=SERVER) as scene:
        cut_off, other = network.spaces
        victims = [
            scene.verifier(f"cut-off-{policy}", prefix=cut_off.prefix, policy=policy, pause=pause)
            for policy in ("online", "deny")
        ]
        scene.start(*victims, scene.verifier("other", prefix=other.prefix, pause=pause))
        time.sleep(healthy)
        for way, each in spans.items():
            for span in each:
                with scene.fault(f"{way}, {span:g} s", *victims, on=WAYS[way](cut_off), silent=True):
                    time.sleep(span)
                time.sleep(calm)
        time.sleep(max(0.0, CALM - calm))
        return scene.end().figures()
