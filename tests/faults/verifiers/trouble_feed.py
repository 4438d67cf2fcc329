"""FT-16: a feed that talks nonsense, that is down, whose keys rotate, and tokens with unknown keys by the hundred."""

import time
from pathlib import Path
from typing import Any

from tests.faults.verifiers.partitions import CALM
from tests.faults.verifiers.scene import Scene

FORGERIES = 500
"""A second; fewer on a busy machine, where a tenth is flood enough."""

FEED = "POST /auth/api/feed"


def run(
    folder: Path,
    *,
    rotations: int = 10,
    nonsense_for: float = 60.0,
    down_for: float = 30.0,
    flood_for: float = 30.0,
    lease: float = 5.0,
    calm: float = CALM,
    seed: int = 0,
) -> dict[str, Any]:
    """All of it, one after the other; return the figures. Raises AssertionError naming every violation."""
    with Scene(folder, lease=lease, seed=seed) as scene:
        scene.start(scene.verifier("online"), scene.verifier("deny", policy="deny"))
        for _ in range(rotations):
            time.sleep(scene.bound + 0.5)  # a key signs only when it has been known for that long
            scene.crowd.rotate_keys()
        with scene.fault("nonsense", garbage=1.0, silent=True):
            time.sleep(nonsense_for)
        time.sleep(calm)
        scene.crowd.rest()
        with scene.fault("server stopped and started"):
            scene.serving.stop()
            with scene.fault("server down", silent=True):
                time.sleep(down_for)
            scene.serving.start()
        time.sleep(CALM)
        each = _syncs_within(scene, flood_for) / len(scene.fleet.checkers)
        scene.fleet.add(scene.verifier("flooded", forgeries=FORGERIES))
        time.sleep(1)
        calmly = each * len(scene.fleet.checkers)
        after = _syncs_within(scene, flood_for) - calmly
        # Polls that bring news come sooner, so a short look at them varies; each forgery's own sync would be hundreds.
        assert after <= 1.1 * flood_for + 2 + calmly / 2, f"{after:.0f} syncs more in {flood_for:.0f} s"
        verdict = scene.end()
        forged = verdict.said["token.invalid"]
        assert forged > 0.1 * FORGERIES * flood_for, f"only {forged} forgeries"
        return {
            "rotations": rotations,
            "forged tokens refused": forged,
            "syncs a second more for them": round(after / flood_for, 2),
            **verdict.figures(),
        }


def _syncs_within(scene: Scene, span: float) -> int:
    assert scene.proxy is not None
    before = scene.proxy.mend().requests.get(FEED, 0)
    time.sleep(span)
    return scene.proxy.mend().requests.get(FEED, 0) - before
