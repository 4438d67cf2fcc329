"""``make faults``: break what runs, and the rules themselves, and see that the promises hold and the tests notice.

python -m tests.faults [--kills 200] [--rounds 1000] [--seed N] [name …]
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults import kill_workers, storms

FIGURES_WIDTH = 44


def killed_workers(asked: argparse.Namespace) -> dict[str, Any]:
    """FT-01: kill -9 of any worker at any moment, under load."""
    with tempfile.TemporaryDirectory(prefix="coatcheck-faults-") as folder:
        return kill_workers.run(Path(folder), kills=asked.kills, clients=6, seed=asked.seed)


def races(asked: argparse.Namespace) -> dict[str, Any]:
    """FT-19: a hundred at once, over several workers."""
    with tempfile.TemporaryDirectory(prefix="coatcheck-faults-") as folder:
        return storms.run(Path(folder), rounds=asked.rounds)


def tests(*paths: str) -> Callable[[argparse.Namespace], dict[str, Any]]:
    """Run tests; the figures are how many passed."""

    def run(_: argparse.Namespace) -> dict[str, Any]:
        counted = _Counted()
        assert pytest.main(["-q", *paths], [counted]) == 0
        return {"passed": counted.passed}

    return run


def mutations(_: argparse.Namespace) -> dict[str, Any]:
    """Every rule of the protocol broken on purpose: the simulation must notice each."""
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "tests/simulation"], check=False)
    assert done.returncode == 0, "the simulation failed"
    return {}


FAULTS: dict[str, tuple[str, Callable[[argparse.Namespace], dict[str, Any]]]] = {
    "kill": ("FT-01  kill -9 of workers under load", killed_workers),
    "pause": ("FT-09  a worker paused past its lease", tests("tests/faults/test_paused_worker.py")),
    "restore": ("FT-18  a backup put back", tests("tests/cli/test_restored.py")),
    "races": ("FT-19  a hundred at once", races),
    "fork": ("rule 5  forks", tests("tests/faults/test_forks.py")),
    "rules": ("rules broken on purpose", mutations),
}


class _Counted:
    """Counts the tests that passed."""

    passed = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Called by pytest after each phase of a test."""
        self.passed += report.when == "call" and report.passed


def main() -> int:
    """Run what is asked for, or everything; print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=1000, help="of each storm of a hundred at once")
    parser.add_argument(
        "--seed", type=int, default=int(time.time()), help="of the random kills; printed with the result"
    )
    parser.add_argument("names", nargs="*", metavar="name", help=f"one of {', '.join(FAULTS)}")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(FAULTS):
        parser.error(f"there is no fault {unknown.pop()}")
    lines, failed = [], 0
    for name in asked.names or FAULTS:
        title, run = FAULTS[name]
        began = time.monotonic()
        try:
            figures, outcome = run(asked), "held"
        except AssertionError as broken:
            figures, outcome = {"seed": asked.seed, "": broken}, "BROKEN"
            failed += 1
        lines.append(f"{title:<{FIGURES_WIDTH}} {outcome:<7} {time.monotonic() - began:6.0f} s")
        lines += [f"    {figure:<{FIGURES_WIDTH - 4}} {value}" for figure, value in figures.items()]
    print("\n".join(["", *lines, f"\nseed {asked.seed}"]))
    return failed


if __name__ == "__main__":
    sys.exit(main())
