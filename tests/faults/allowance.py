"""How long something may take until it works again, or is told, or is given back.

The goals are those of a machine that does nothing else (``python -m tests.faults``). ``make test`` runs several tests
at once, on whatever machine there is: there it is shown that things recover, not how soon. What must never happen,
however busy the machine (I1-I7), has no allowance.
"""

import os

IN_SHORT = 4.0


def allowed(seconds: float) -> float:
    """A goal of so many seconds, or more of them in a run of pytest."""
    return seconds * IN_SHORT if "PYTEST_VERSION" in os.environ else seconds
