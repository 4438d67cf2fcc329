"""What looking at one thing says."""

from typing import Literal, NamedTuple


class Check(NamedTuple):
    """One thing that was looked at: what it ``says``, and how to ``mend`` it where that is needed."""

    name: str
    state: Literal["ok", "warning", "problem"]
    says: str
    mend: str = ""
