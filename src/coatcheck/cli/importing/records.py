"""What a source of accounts yields, one at a time: it may be larger than the memory."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple, Protocol

LONGEST: Final = 65_536
"""Bytes of a record in a file, and of a value in a database."""


class Record(NamedTuple):
    """One record. ``place`` says where it stands, for people; ``cursor`` is where reading goes on after it.

    Where it could not be read ``fields`` is None and ``problem`` says why, without repeating any of it.
    """

    place: str
    cursor: str
    fields: dict[str, Any] | None
    problem: str = ""


class Source(Protocol):
    """Where accounts come from. Whoever opens one closes it, with ``contextlib.closing``."""

    @property
    def name(self) -> str:
        """What the audit trail calls it: the name of a file or a database, without its place."""

    @property
    def import_id(self) -> str:
        """The same for the same source, however often it is opened."""

    @property
    def total(self) -> int:
        """How much there is, in units of its own."""

    @property
    def done(self) -> int:
        """How much of ``total`` has been read."""

    def read(self, cursor: str) -> Iterator[Record]:
        """The records after ``cursor``; all of them after an empty one. Raises Misconfigured where it can't go on."""

    def close(self) -> None:
        """Let go of it."""
