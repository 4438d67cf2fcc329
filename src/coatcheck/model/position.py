"""Where in the log something was read: ``Position(epoch, seq)``, and the order of epochs.

An epoch is one continuous history of the log. A new one begins when a store is restored or promoted with possible loss;
its counter is higher, and its random part tells two histories with the same counter apart (``docs/revocation.md``,
rule 17).
"""

from secrets import token_hex
from typing import NamedTuple


class Epoch(NamedTuple):
    """A history of the log: ``number`` orders them, ``nonce`` tells apart two that were begun independently."""

    number: int
    nonce: str

    def __str__(self) -> str:
        return f"{self.number}-{self.nonce}"

    @classmethod
    def parse(cls, text: str) -> "Epoch":
        """Read what ``str`` wrote. Raises ValueError for anything else."""
        number, dash, nonce = text.partition("-")
        if not dash or not (number.isascii() and number.isdecimal()) or not nonce or len(text) > 64:
            raise ValueError("not an epoch")
        return cls(int(number), nonce)

    def successor(self) -> "Epoch":
        """Begin the next history."""
        return Epoch(self.number + 1, token_hex(4))


class Position(NamedTuple):
    """An event's place: positions of one epoch are ordered by ``seq``; those of different epochs are not comparable."""

    epoch: Epoch
    seq: int

    def __str__(self) -> str:
        return f"{self.epoch}.{self.seq}"

    @classmethod
    def parse(cls, text: str) -> "Position":
        """Read what ``str`` wrote. Raises ValueError for anything else."""
        epoch, dot, seq = text.rpartition(".")
        if not dot or not (seq.isascii() and seq.isdecimal()) or len(seq) > 19:
            raise ValueError("not a position")
        return cls(Epoch.parse(epoch), int(seq))


def first_epoch() -> Epoch:
    """The history of a brand-new store."""
    return Epoch(1, token_hex(4))
