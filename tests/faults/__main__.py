"""``make faults``: break what runs, and the rules themselves, and see that the promises hold and the tests notice.

python -m tests.faults [--kills 200] [--rounds 1000] [--seed N] [--publish] [name …]
"""

import argparse
import sys
import time

from tests.faults import publishing
from tests.faults.catalogue import FAULTS, Asked

FIGURES_WIDTH = 44
OF_WHAT = {
    "kills": "of a worker",
    "crashes": "of PostgreSQL",
    "operations": "of all flows that meet",
    "rounds": "of each storm of a hundred at once",
    "disconnects": "of clients",
    "cuts": "of the power",
    "logins": "of the soak, with ten times as many checks",
    "schedules": "of the simulation",
}


def main() -> int:
    """Run what is asked for, or everything; print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    for name, of_what in OF_WHAT.items():
        parser.add_argument(f"--{name}", type=int, default=Asked._field_defaults[name], help=f"{of_what}: %(default)s")
    parser.add_argument("--publish", action="store_true", help="write the figures into docs/faults.md")
    parser.add_argument(
        "--seed", type=int, default=int(time.time()), help="of everything random; printed with the result"
    )
    parser.add_argument("names", nargs="*", metavar="name", help=f"one of {', '.join(FAULTS)}")
    given = parser.parse_args()
    if unknown := set(given.names) - set(FAULTS):
        parser.error(f"there is no fault {unknown.pop()}")
    asked = Asked(given.seed, **{name: getattr(given, name) for name in OF_WHAT})
    lines, failed = [], 0
    for name in given.names or FAULTS:
        title, run = FAULTS[name]
        began = time.monotonic()
        try:
            figures, outcome = run(asked), "held"
        except AssertionError as broken:
            figures, outcome = {"seed": asked.seed, "": broken}, "BROKEN"
            failed += 1
        if given.publish and not figures.get("NOT TESTED"):
            page = publishing.PAGES.get(name, publishing.PAGE)
            publishing.publish(name, title, outcome, figures, asked, page)
        lines.append(f"{title:<{FIGURES_WIDTH}} {outcome:<7} {time.monotonic() - began:6.0f} s")
        lines += [f"    {figure:<{FIGURES_WIDTH - 4}} {value}" for figure, value in figures.items()]
    print("\n".join(["", *lines, f"\nseed {asked.seed}"]))
    return failed


if __name__ == "__main__":
    sys.exit(main())
