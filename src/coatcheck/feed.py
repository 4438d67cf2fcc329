"""HOW IS IT SPOKEN BETWEEN SERVERS?  The revocation feed: the authority's records as JSON (rule 16).

A service that holds no database asks its server over HTTPS what was revoked. It is told of every event, but sessions
and users appear only as *names*: keyed digests under a key that was given to this service's credential alone. Whoever
has seen a token can name its session and user; nobody else learns whom an event is about, and two services can't
compare what they were told. Both ends read and write these records.
"""

from hashlib import blake2b
from typing import Annotated, Final, TypeAlias, assert_never

from msgspec import UNSET, Meta, Struct, UnsetType

from coatcheck.authority import Answer, Delta, Question, Snapshot
from coatcheck.model.event import (
    Event,
    EverythingEnded,
    Happening,
    Head,
    KeyAdded,
    KeyRevoked,
    SessionEnded,
    SessionRenewed,
    UserChanged,
)
from coatcheck.model.position import Epoch, Position
from coatcheck.tokens.base64url import decode, encode

NAME_BYTES: Final = 16
KEY_BYTES: Final = 32

Counter: TypeAlias = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Text: TypeAlias = Annotated[str, Meta(max_length=200)]

QUESTION: Final = "coatcheck-question"
"""The header in which a Verifier names a question, and the server its answer: an answer that something in between kept,
repeated or mixed up would extend a lease, or be about somebody else."""

LONGEST_ACCEPT_MS: Final = 3_600_000
"""A subscriber may go on for one hour at most after its lease ended (rule 8)."""


def feed_audience(issuer: str) -> str:
    """The audience of access tokens that open the feed and nothing else."""
    return f"{issuer}/api/feed"


class Names:
    """The names of sessions and users under one credential's key."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError("the key of the feed's names has 32 bytes")
        self._key = key

    def __repr__(self) -> str:
        return "<Names>"

    def of(self, identifier: str) -> bytes:
        """The name of a session or user."""
        return blake2b(identifier.encode("utf-8", "surrogatepass"), digest_size=NAME_BYTES, key=self._key).digest()

    def written(self, identifier: str) -> str:
        """The name as it is written in the feed."""
        return encode(self.of(identifier)).decode("ascii")


def read_name(text: str) -> bytes:
    """The name that ``Names.written`` wrote. Raises ValueError for anything else."""
    name = decode(text.encode("ascii"))
    if len(name) != NAME_BYTES:
        raise ValueError("not a name")
    return name


class Place(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A position in the log."""

    epoch: Annotated[str, Meta(max_length=64)]
    seq: Counter


class FeedQuestion(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a service asks. Without ``registration`` it registers; ``name`` and ``accept_ms`` count only then.

    ``position`` and ``event_id`` are what it has applied, ``wait_ms`` how long the answer may be held back until there
    is something new.
    """

    registration: (
        Annotated[Text, Meta(description="The registration that an earlier answer gave. Left out: register.")] | None
    ) = None
    name: (
        Annotated[
            str, Meta(description="What receipts call this process.", min_length=1, max_length=100, pattern=r"^[ -~]*$")
        ]
        | None
    ) = None
    accept_ms: (
        Annotated[
            int,
            Meta(
                description="How long it goes on after its lease has ended; left out: not at all.",
                ge=0,
                le=LONGEST_ACCEPT_MS,
            ),
        ]
        | None
    ) = None
    position: Annotated[Place, Meta(description="Up to where it has applied the log.")] | None = None
    event_id: Annotated[Text, Meta(description="The id of the event there.")] | None = None
    wait_ms: Annotated[
        Counter,
        Meta(description="How long to hold the answer until there is something new; a fifth of the lease at most."),
    ]


class FeedHead(Struct, frozen=True, kw_only=True):
    """The newest entry of the log."""

    epoch: str
    seq: Counter
    event_id: str
    settled: bool
    everything_generation: Counter


class FeedSnapshot(Struct, frozen=True, kw_only=True):
    """Everything to start from: lists of [name, seq] and [name, least good value, seq], and the valid keys.

    ``foreign`` says that the position asked about is not in this log.
    """

    ended: tuple[tuple[str, Counter], ...]
    generations: tuple[tuple[str, Counter, Counter], ...]
    versions: tuple[tuple[str, Counter, Counter], ...]
    keys: tuple[KeyAdded, ...]
    foreign: bool


class FeedAnswer(Struct, frozen=True, kw_only=True):
    """What a service is told: the events after its position, or a snapshot with the floor that follows from it.

    ``digest_key`` makes the names. With ``more`` the events were cut: ask again at once. ``lease_ms``, ``token_ms`` and
    ``drift`` are L, T and δ; ``age_ms`` is how long before the question arrived the log was read.
    """

    registration: str
    digest_key: str
    events: tuple[Event, ...] | UnsetType = UNSET
    more: bool = False
    snapshot: FeedSnapshot | UnsetType = UNSET
    floor: Counter | UnsetType = UNSET
    head: FeedHead
    awaited: Counter
    lease_ms: Counter
    token_ms: Counter
    drift: Annotated[float, Meta(ge=0, lt=1)]
    age_ms: Counter

    def __repr__(self) -> str:
        return f"FeedAnswer(registration={self.registration!r}, head={self.head!r})"


def asked_in(asked: FeedQuestion, registration: str) -> Question:
    """The question inside. Raises ValueError for an epoch that is none."""
    applied = None if asked.position is None else Position(Epoch.parse(asked.position.epoch), asked.position.seq)
    return Question(registration=registration, applied=applied, event_id=asked.event_id)


def write_answer(answer: Delta | Snapshot, registration: str, key: bytes) -> FeedAnswer:
    """``answer`` as the holder of ``key`` may see it. A snapshot has work for a thread."""
    head, names = answer.head, Names(key)
    events: tuple[Event, ...] | UnsetType = UNSET
    snapshot: FeedSnapshot | UnsetType = UNSET
    if isinstance(answer, Delta):
        events = tuple(Event(event.seq, event.id, _named(event.happening, names)) for event in answer.events)
    else:
        snapshot = FeedSnapshot(
            ended=tuple((names.written(session), seq) for session, seq in answer.ended),
            generations=tuple((names.written(session), least, seq) for session, least, seq in answer.generations),
            versions=tuple((names.written(user), least, seq) for user, least, seq in answer.versions),
            keys=answer.keys,
            foreign=answer.foreign,
        )
    return FeedAnswer(
        registration=registration,
        digest_key=encode(key).decode("ascii"),
        events=events,
        more=isinstance(answer, Delta) and answer.more,
        snapshot=snapshot,
        floor=answer.floor if isinstance(answer, Snapshot) else UNSET,
        head=FeedHead(
            epoch=str(head.epoch),
            seq=head.seq,
            event_id=head.event_id,
            settled=head.settled,
            everything_generation=head.everything_generation,
        ),
        awaited=head.awaited,
        lease_ms=head.lease_ms,
        token_ms=head.token_ms,
        drift=head.drift,
        age_ms=answer.age_ms,
    )


def read_answer(told: FeedAnswer) -> Answer:
    """The answer inside, with names where a store's answer has identifiers. Raises ValueError for what is none."""
    head = Head(
        epoch=Epoch.parse(told.head.epoch),
        seq=told.head.seq,
        event_id=told.head.event_id,
        awaited=told.awaited,
        settled=told.head.settled,
        everything_generation=told.head.everything_generation,
        lease_ms=told.lease_ms,
        token_ms=told.token_ms,
        drift=told.drift,
        longest_lease_ms=told.lease_ms,  # by which only those wait who have a store
    )
    if told.events is not UNSET and told.snapshot is UNSET:
        return Delta(head=head, events=told.events, more=told.more, age_ms=told.age_ms)
    if told.snapshot is UNSET or told.floor is UNSET or told.events is not UNSET:
        raise ValueError("an answer has either events, or a snapshot and a floor")
    snapshot = told.snapshot
    return Snapshot(
        head=head,
        ended=snapshot.ended,
        generations=snapshot.generations,
        versions=snapshot.versions,
        keys=snapshot.keys,
        floor=told.floor,
        foreign=snapshot.foreign,
        age_ms=told.age_ms,
    )


def read_key(told: FeedAnswer) -> bytes:
    """The key of the names. Raises ValueError when it is none."""
    key = decode(told.digest_key.encode("ascii"))
    if len(key) != KEY_BYTES:
        raise ValueError("not a key")
    return key


def _named(happening: Happening, names: Names) -> Happening:
    match happening:
        case SessionEnded(session_id):
            return SessionEnded(names.written(session_id))
        case SessionRenewed(session_id, generation):
            return SessionRenewed(names.written(session_id), generation)
        case UserChanged(user_id, version):
            return UserChanged(names.written(user_id), version)
        case KeyAdded() | KeyRevoked() | EverythingEnded():  # what names nobody may be told as it is
            return happening
    assert_never(happening)
