"""How long a replica may be trusted without hearing from the store (rule 5)."""

from math import inf
from typing import Final

JUMP: Final = 1.0
"""Seconds by which the wall clock may move against the steady one before the lease is dropped: a machine that was
paused, cloned or set has lost its sense of time."""

LENGTH: Final = 5.0
"""Seconds: how long a lease is taken to be before the first answer has told."""


class Lease:
    """Trust in a replica, until an instant of the steady clock.

    ``until`` is in seconds of that clock; minus infinity says that this registration never held one. ``offset`` is wall
    minus steady when the lease was taken, ``length`` how long the newest one was. ``heard_at`` is how new the newest
    knowledge is at least: that clock before the question that it answered.
    """

    __slots__ = ("heard_at", "length", "offset", "until")

    def __init__(self) -> None:
        self.until = -inf
        self.offset = 0.0
        self.length = LENGTH
        self.heard_at = -inf

    def take(self, asked_at: float, length: float, offset: float) -> None:
        """Trust until ``asked_at + length``: counted from before the question, never from the answer's arrival."""
        self.length = length
        self.heard_at = max(self.heard_at, asked_at)
        if asked_at + length > self.until:
            self.offset = offset
            self.until = asked_at + length

    def drop(self) -> None:
        """Trust no longer: a goodbye, a fork, a lost registration, a clock that jumped."""
        self.until = -inf

    def holds(self, steady: float, wall: float) -> bool:
        """True while the replica may be trusted. ``steady`` is read last, after all look-ups (rule 8).

        Drops the lease when the clocks have jumped against each other (rule 5).
        """
        if not -JUMP < wall - steady - self.offset < JUMP:
            self.drop()
        return steady < self.until

    def accepts(self, steady: float, wall: float, accept_for: float) -> bool:
        """True while the ``accept`` policy may go on after the lease ended: ``accept_for`` seconds at most, and only if
        this registration once held a lease (rule 8)."""
        return self.holds(steady, wall) or steady < self.until + accept_for
