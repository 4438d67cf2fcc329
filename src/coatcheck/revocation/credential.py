"""What the test reads of a credential: who it belongs to, and how old its knowledge is."""

from collections.abc import Callable
from typing import Self

from coatcheck.model.position import Epoch, Position
from coatcheck.model.record import Record


class Credential:
    """A cached record or a verified JWT, reduced to what a replica compares (rules 9 and 10).

    ``session`` and ``user`` are the short names under which a replica knows them (16 bytes). ``generation``,
    ``version`` and ``everything`` are the counters it was issued under; ``epoch`` and ``seq`` the position at which the
    session was found alive. ``kid`` is the signing key, None for an opaque token. ``passed`` is the replica's state in
    which it last passed: nothing can have changed for it while that state lasts.
    """

    __slots__ = ("epoch", "everything", "generation", "kid", "passed", "seq", "session", "user", "version")

    def __init__(
        self,
        *,
        session: bytes,
        user: bytes,
        generation: int,
        version: int,
        everything: int,
        stamp: Position,
        kid: str | None = None,
    ) -> None:
        self.session = session
        self.user = user
        self.generation = generation
        self.version = version
        self.everything = everything
        self.epoch: Epoch = stamp.epoch
        self.seq = stamp.seq
        self.kid = kid
        self.passed = -1

    @classmethod
    def of(cls, record: Record, name_of: Callable[[str], bytes]) -> Self:
        """What a replica compares of a store's record; ``name_of`` makes the short names."""
        return cls(
            session=name_of(record.session_id),
            user=name_of(record.user_id),
            generation=record.generation,
            version=record.user_version,
            everything=record.everything_generation,
            stamp=record.stamp,
        )
