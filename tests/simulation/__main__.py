"""``python -m tests.simulation --seeds 0:100000`` runs schedules; ``--seed N`` replays one, ``--mutation NAME`` with a
rule broken; ``--search`` looks for a seed that shows each mutation, and writes the table anew."""

import argparse
import logging
import os
import sys
from contextlib import nullcontext
from time import monotonic

from tests.simulation.found import search
from tests.simulation.mutations import MUTATIONS
from tests.simulation.schedules import print_progress, replay, run_many


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seeds", default="0:20000", help="from:to")
    parser.add_argument("--seed", type=int, help="replay one schedule")
    parser.add_argument("--lines", type=int, default=40, help="how much of a replay to show; 0 for all")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--mutation", choices=sorted(MUTATIONS))
    parser.add_argument("--search", action="store_true")
    asked = parser.parse_args()
    logging.getLogger("coatcheck").addHandler(logging.NullHandler())  # what goes wrong there goes wrong on purpose
    if asked.seed is not None:
        with MUTATIONS[asked.mutation].applied() if asked.mutation else nullcontext():
            print(replay(asked.seed, asked.lines))
        return 0
    if asked.search:
        unshown = search(asked.workers)
        print("\n".join(f"nothing shows: {name}" for name in unshown) or "every mutation is shown")
        return 1 if unshown else 0
    start, stop = map(int, asked.seeds.split(":"))
    began = monotonic()
    failures = run_many(range(start, stop), asked.workers, print_progress)
    for failure in failures[:20]:
        print(f"\nseed {failure.seed}: {failure.why}")
    took = monotonic() - began
    print(f"\n{stop - start} schedules in {took:.0f} s, {len(failures)} failed", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
