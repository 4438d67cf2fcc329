"""FT-09: checkers that are stopped for longer than their lease, while logins end. Going on, they decide nothing on what
they knew before."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.faults.verifiers.judging import HEALS_WITHIN
from tests.faults.verifiers.scene import Scene

AWAKE = 1.0
"""Seconds between two pauses."""


def run(
    folder: Path,
    *,
    pauses: int = 100,
    span: float = 30.0,
    at_once: int = 10,
    lease: float = 5.0,
    pause: float = 0.02,
    seed: int = 0,
) -> dict[str, Any]:
    """Stop ``at_once`` verifiers together, for ``span`` seconds, until there were so many ``pauses``; one more is never
    stopped. Returns the figures.

    Raises AssertionError naming every violation.
    """
    with Scene(folder, lease=lease, seed=seed) as scene:
        policies = ["online" if number % 2 else "deny" for number in range(at_once)]
        sleepers = [
            scene.verifier(f"sleeper-{number}", policy=policy, pause=pause) for number, policy in enumerate(policies)
        ]
        scene.start(*sleepers, scene.verifier("awake", pause=pause))
        time.sleep(AWAKE)
        before = len(scene.crowd.ended)
        for _ in range(pauses // at_once):
            with scene.fault("paused", *sleepers, on=ExitStack()) as stopping:
                for sleeper in sleepers:
                    stopping.enter_context(sleeper.paused())
                time.sleep(span)
            time.sleep(AWAKE)
        endings = len(scene.crowd.ended) - before
        time.sleep(HEALS_WITHIN)
        return {"pauses": pauses // at_once * at_once, "endings meanwhile": endings, **scene.end().figures()}
