"""FT-12: wall clocks that are stepped while everything runs. Revocation does not notice; expiry goes by the clock."""

import time
from pathlib import Path
from typing import Any

from tests.faults.clocks import AHEAD, ELSEWHERE, SteppedClock, has_time_namespaces
from tests.faults.scene import Scene

STEPS = (600, -600, 3600, -3600, -86_400)
"""Ten minutes, an hour, a day. Tokens live for half an hour here."""

SETTINGS = {"COATCHECK_TOKENS_ACCESS_FOR": "30m", "COATCHECK_SESSIONS_FRESH_WITHIN": "30d"}


def run(
    folder: Path, *, steps: tuple[int, ...] = STEPS, stay: float = 5.0, lease: float = 1.0, seed: int = 0
) -> dict[str, Any]:
    """Step the clock of some checkers, then that of the server, and stay ``stay`` seconds at each step; return the
    figures.

    Raises AssertionError naming every violation.
    """
    figures = {
        "checkers' clocks": step_checkers(folder / "checkers", steps, stay, lease, seed),
        "server's clock": step_server(folder / "server", steps, stay, lease, seed),
    }
    return {f"{whose}: {figure}": value for whose, each in figures.items() for figure, value in each.items()}


def step_checkers(folder: Path, steps: tuple[int, ...], stay: float, lease: float, seed: int) -> dict[str, Any]:
    """Two checkers have clocks that are stepped; another one's steady clocks began ten days earlier."""
    folder.mkdir()
    clock = SteppedClock(folder / "clock")
    with Scene(folder, lease=lease, seed=seed, **SETTINGS) as scene:
        stepped = [scene.embedded("embedded-stepped", clock=clock)]
        others = [scene.embedded("embedded")]
        if has_time_namespaces():
            others.append(scene.embedded("embedded-elsewhere", prefix=ELSEWHERE, ahead=float(AHEAD)))
        scene.start(*stepped, *others)
        for step in steps:
            time.sleep(stay)
            with scene.fault("stepped", *stepped, on=clock.stepped(step), step=step):
                time.sleep(stay)
        time.sleep(stay)
        return scene.end().figures()


def step_server(folder: Path, steps: tuple[int, ...], stay: float, lease: float, seed: int) -> dict[str, Any]:
    """The server's clock is stepped: what it issues meanwhile is of another time, what is ended ends all the same."""
    folder.mkdir()
    clock = SteppedClock(folder / "clock")
    with Scene(folder, lease=lease, seed=seed, clock=clock, **SETTINGS) as scene:
        scene.start(scene.embedded("embedded"))
        for step in steps:
            time.sleep(stay)
            with scene.fault("stepped", on=clock.stepped(step)):
                scene.crowd.server_ahead = step
                time.sleep(stay)
                scene.crowd.server_ahead = 0.0
        time.sleep(stay)
        return scene.end().figures()
