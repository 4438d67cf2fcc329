"""FT-12: wall clocks that are stepped while everything runs. Revocation does not notice; expiry goes by the clock."""

import time
from pathlib import Path
from typing import Any

from tests.faults.verifiers.clocks import AHEAD, ELSEWHERE, SteppedClock, has_time_namespaces
from tests.faults.verifiers.scene import Scene

STEPS = (600, -600, 3600, -3600, -86_400)
"""Seconds: ten minutes, an hour, a day. Tokens live for half an hour here."""

SETTINGS = {
    "COATCHECK_TOKENS_ACCESS_FOR": "30m",
    "COATCHECK_SESSIONS_FRESH_WITHIN": "30d",
    "COATCHECK_SESSIONS_ABSOLUTE_AFTER": "30d",
    "COATCHECK_SESSIONS_IDLE_AFTER": "14d",
}


def run(
    folder: Path,
    *,
    of_checkers: tuple[int, ...] = STEPS,
    of_server: tuple[int, ...] = STEPS,
    stay: float = 8.0,
    lease: float = 5.0,
    seed: int = 0,
) -> dict[str, Any]:
    """Step the clocks of some checkers, then the server's, and stay ``stay`` seconds at each step; the steady clocks of
    others began ten days earlier all the time. Returns the figures.

    Raises AssertionError naming every violation.
    """
    checkers_clock, server_clock = SteppedClock(folder / "checkers.clock"), SteppedClock(folder / "server.clock")
    with Scene(folder, lease=lease, seed=seed, clock=server_clock, settings=SETTINGS) as scene:
        stepped = [
            scene.verifier("stepped", clock=checkers_clock),
            scene.verifier("stepped-deny", clock=checkers_clock, policy="deny"),
        ]
        scene.start(*stepped, scene.verifier("sound"), scene.embedded("embedded"))
        if has_time_namespaces():
            scene.fleet.add(scene.verifier("elsewhere", prefix=ELSEWHERE, ahead=float(AHEAD)))
        for step in of_checkers:
            with scene.fault("checkers", *stepped, on=checkers_clock.stepped(step), step=step):
                time.sleep(stay)
            time.sleep(stay)
        for step in of_server:
            with scene.fault("server", on=server_clock.stepped(step), server_step=step):
                time.sleep(stay)
            time.sleep(stay)
        verdict = scene.end()
        assert verdict.said["token.invalid"] > 0, "no token was from the future: the clocks were not stepped"
        return {
            "steps": len(of_checkers) + len(of_server),
            "refused as expired": verdict.said["token.expired"],
            "refused as from the future": verdict.said["token.invalid"],
            **verdict.figures(),
        }
