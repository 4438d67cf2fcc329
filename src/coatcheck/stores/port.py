"""The port of a store, and the laws that every store obeys.

The laws, checked for every store by one contract suite (``coatcheck.testing.contracts``):

1. A store never tells the time and never sees a secret: instants and digests are handed in. A clock of its own is there
   to be compared with (``read_clock``).
2. A unit of work is atomic: all of it is there afterwards, or, when it raises, nothing.
3. Racing writes have exactly one winner; the verb's answer says whether it was this one.
4. A late write never resurrects what was ended.
5. Absence is None, False, 0 or empty, never an exception. Trouble is StoreUnavailable, never absence.
6. What goes in comes out equal.
7. Events have consecutive ``seq`` in commit order: no gaps, no reordering (rule 1 of ``docs/revocation.md``). They get
   them when the unit of work is committed, so the log's head is locked last and shortest.

A unit of work is a plain synchronous function over a Transaction. The store decides where it runs: SQLite on its one
writer thread, PostgreSQL on one of a few, memory in place. So the SQL is written once, and a whole transaction
costs one hop to another thread (``docs/decisions/0002-synchronous-unit-of-work.md``).
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

from msgspec import Struct

from coatcheck.authority import Found, LookUp, News, Snapshot
from coatcheck.model.audit import AuditEntry
from coatcheck.model.event import Event, Happening, Head
from coatcheck.model.key import KeyStatus, SigningKey
from coatcheck.model.position import Epoch, Position
from coatcheck.model.principal import Kind
from coatcheck.model.service import Service
from coatcheck.model.session import Ending, Session
from coatcheck.model.session_data import SessionData
from coatcheck.model.subscriber import Registration
from coatcheck.model.user import User, UserStatus

Result = TypeVar("Result")
Other = TypeVar("Other")


class Committed(Struct, Generic[Result], frozen=True):
    """What a unit of work did: its result, the events it appended, and the log's position when it was committed."""

    result: Result
    events: tuple[Event, ...]
    position: Position

    def but(self, result: Other) -> "Committed[Other]":
        """The same commit, with another result."""
        return Committed(result, self.events, self.position)


class Users(Protocol):
    """People with accounts."""

    def lock(self, user_id: str) -> User | None:
        """Hold the user's row until the transaction ends, and read it: the first lock of all (rule 1: user, sessions,
        keys, head)."""

    def add(self, user: User) -> bool:
        """Insert. False when ``email_key`` is taken; of racing ones exactly one wins."""

    def get(self, user_id: str) -> User | None:
        """The user, or None."""

    def by_email_key(self, email_key: str) -> User | None:
        """The user with this canonical e-mail, or None."""

    def save(self, user: User, *, expected_version: int) -> bool:
        """Replace the row if it still has ``expected_version``. False when it changed or is gone, or the e-mail is
        taken."""

    def remove(self, user_id: str) -> bool:
        """Delete the row (sessions are ended first, by the caller). False when it was not there."""

    def page(
        self, *, status: UserStatus | None = None, query: str = "", after: str | None = None, limit: int = 50
    ) -> Sequence[User]:
        """Users in order of id, after the cursor ``after``; ``query`` is a literal substring of e-mail or name."""

    def count_with_role(self, role: str) -> int:
        """How many active users have ``role``. Who asks in a transaction that writes is the only one until it ends."""


class Services(Protocol):
    """Programs with credentials of their own."""

    def lock(self, service_id: str) -> Service | None:
        """Hold the service's row until the transaction ends, and read it: where a person's would be held, the first of
        all locks."""

    def add(self, service: Service) -> bool:
        """Insert. False when there is one with this id."""

    def get(self, service_id: str) -> Service | None:
        """The service, or None."""

    def save(self, service: Service, *, expected_version: int) -> bool:
        """Replace the row if it still has ``expected_version``. False when it changed or is gone."""

    def remove(self, service_id: str) -> bool:
        """Delete the row (credentials are ended first, by the caller). False when it was not there."""

    def page(self, *, after: str | None = None, limit: int = 50) -> Sequence[Service]:
        """Services in order of id, after the cursor ``after``."""

    def feeds(self) -> Sequence[Service]:
        """Every service that may follow the feed, in order of id."""


class Sessions(Protocol):
    """Logins, API keys, and credentials of services."""

    def add(self, session: Session) -> None:
        """Insert a new session."""

    def lock(self, session_id: str) -> Session | None:
        """Hold the session's row until the transaction ends, and read it, ended ones too."""

    def get(self, session_id: str) -> Session | None:
        """The session, ended ones too, or None."""

    def save(self, session: Session) -> bool:
        """Replace the row if it has not been ended. False when it was ended or is gone (law 4)."""

    def end(self, session_id: str, at: datetime, ending: Ending) -> bool:
        """Mark as ended. True for exactly one caller; False when it had ended or is not there."""

    def live_of(self, user_id: str, kind: Kind = Kind.USER) -> Sequence[Session]:
        """The owner's sessions of one kind that have not been ended, newest first (expired ones too: the caller knows
        the time).

        A session older than the last everything-ended is not live.
        """

    def count_live_of(self, user_id: str, kind: Kind = Kind.USER) -> int:
        """How many ``live_of`` would return."""

    def live_page(self, kind: Kind, *, after: str | None = None, limit: int = 50) -> Sequence[Session]:
        """Sessions of one kind, but not of people, that have not been ended, in order of id, after the cursor."""

    def look_up(self, asked: LookUp) -> Found:
        """Read session, owner and head in ONE statement and say what the credential is (rules 9 and 12).

        A digest matches the current secret or, then ``superseded``, the previous one. A session that was ended or is
        older than the last everything-ended, and one whose owner is suspended or gone, has no record. A ``kid`` is
        valid while the key exists and is not revoked.
        """

    def touch(self, seen: Mapping[str, datetime]) -> Collection[str]:
        """Move ``seen_at`` forward, never back, of sessions that have not been ended. Waits for nobody: returns those
        that somebody else holds at the moment, to be asked for again."""

    def purge(self, *, ended_before: datetime, expired_before: datetime, limit: int) -> int:
        """Delete up to ``limit`` rows that ended or expired before those instants; return how many."""

    def count_live(self, now: datetime) -> int:
        """How many logins are neither ended nor past their absolute end. For people to read: of hundreds of thousands
        it may be an estimate."""

    def get_data(self, session_id: str) -> SessionData | None:
        """What the application keeps beside a session that has not been ended; else None. It goes with the session:
        when that is ended, or at the latest when it is purged."""

    def put_data(self, row: SessionData, *, expected_version: int) -> bool:
        """Write ``row`` if the session has not been ended and its data is at ``expected_version``, 0 where there is
        none; else False (laws 3 and 4). The caller holds the session's lock."""


class Keys(Protocol):
    """Signing keys, sealed."""

    def lock(self) -> None:
        """Hold all keys, those to come too, until the transaction ends: after users and sessions, before the head."""

    def all(self) -> Sequence[SigningKey]:
        """Every key that is not revoked, oldest first."""

    def get(self, kid: str) -> SigningKey | None:
        """The key, revoked ones too, or None."""

    def add(self, key: SigningKey) -> bool:
        """Insert. False when there is already a key with this kid, or with the same status where that is unique
        (one current, one upcoming): so of many servers exactly one wins."""

    def move(self, kid: str, *, expected: KeyStatus, to: KeyStatus, at: datetime) -> bool:
        """Change the status if it is still ``expected``; False when somebody else was first."""

    def count_sealed(self) -> int:
        """How many keys there are at all, revoked ones included: "is there anything that an old secret had sealed?"."""


class Log(Protocol):
    """The ordered list of revocation events, and its head."""

    def head(self) -> Head:
        """The newest entry and the parameters beside it."""

    def append(self, happening: Happening) -> None:
        """Write an event for ``happening`` when this unit of work is committed, in the order of these calls. Until then
        neither ``head`` nor ``after`` shows it."""

    def after(self, seq: int, limit: int) -> Sequence[Event]:
        """The events above ``seq``, oldest first, at most ``limit``."""

    def event_id_at(self, seq: int) -> str | None:
        """The id of the event at ``seq``; None when the log does not hold it (any more)."""

    def floor(self) -> int:
        """The newest seq that the log has forgotten; 0 when it has forgotten nothing."""

    def snapshot(self, limit: int) -> Snapshot:
        """A compacted log, at most ``limit`` entries (the newest), read in one go, with the floor that follows."""

    def raise_everything(self) -> int:
        """Raise the everything-generation in the head and return it; the caller appends the event."""

    def set_parameters(self, *, lease: timedelta, token: timedelta, drift: float) -> None:
        """Write L, T and δ into the head (rule 2), and allow for L."""

    def allow_for(self, lease: timedelta) -> None:
        """Raise the longest lease to ``lease``, if it is shorter (rule 17)."""

    def settle(self, epoch: Epoch) -> bool:
        """Mark the epoch as settled if it is still the current one (rule 14)."""

    def begin_epoch(self, epoch: Epoch) -> None:
        """Begin a new history, unsettled, with the same events (rule 17)."""

    def forget(self, *, up_to: int) -> int:
        """Drop events up to ``up_to`` and raise the floor to it; return how many."""


class Attempts(Protocol):
    """Counters of attempts in fixed windows, and marks that last for one ("noted already")."""

    def take(self, key: str, now: datetime, window: timedelta) -> tuple[int, datetime]:
        """Count one attempt, atomically and first; return the count in this window and when the window ends."""

    def give_back(self, key: str) -> None:
        """Uncount one attempt (it succeeded)."""

    def peek(self, key: str, now: datetime) -> tuple[int, datetime] | None:
        """The count in the window that ``now`` lies in, and its end; None when there is none."""

    def purge(self, now: datetime, limit: int) -> int:
        """Delete windows that are over."""


class Audit(Protocol):
    """The trail of authentication events: append-only. Nothing changes an entry; only age removes it."""

    def add(self, entry: AuditEntry) -> None:
        """Insert. Waits for nobody but the transaction it is part of. Raises DataConflict for an id that is there."""

    def get(self, entry_id: str) -> AuditEntry | None:
        """The entry, or None."""

    def page(
        self,
        *,
        user_id: str | None = None,
        kind: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> Sequence[AuditEntry]:
        """Entries, newest first, before the entry with id ``before``, from ``since`` on and before ``until``."""

    def follow(
        self,
        *,
        user_id: str | None = None,
        kind: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Sequence[AuditEntry]:
        """Entries, oldest first, after the entry with id ``after``, from ``since`` on and before ``until``.

        Asked for alone (without ``needs_snapshot``), it stops before an entry that may yet come to stand before others,
        so nothing is ever missed by going on after the last one.
        """

    def purge(self, before: datetime, limit: int) -> int:
        """Look at the oldest ``limit`` entries and delete those from before that instant; return how many."""


class Transaction(Protocol):
    """A unit of work's view of the store."""

    @property
    def users(self) -> Users: ...
    @property
    def services(self) -> Services: ...
    @property
    def sessions(self) -> Sessions: ...
    @property
    def keys(self) -> Keys: ...
    @property
    def log(self) -> Log: ...
    @property
    def attempts(self) -> Attempts: ...
    @property
    def audit(self) -> Audit: ...


class Registry(Protocol):
    """The list of subscribers. Kept apart from the rest, since it changes often, and most changes may be lost with the
    power. Who is listed, and with which lease, may not: services elsewhere outlive the store's machine, and barriers
    have to wait for them (rule 16)."""

    def add(self, registration: Registration) -> None:
        """Insert a fresh row."""

    def get(self, number: str) -> Registration | None:
        """The row, lapsed ones too, or None."""

    def among(self, numbers: Collection[str]) -> Sequence[Registration]:
        """The rows with these numbers, lapsed ones too, in no order; at most some thousands."""

    def acknowledge(self, number: str, applied: Position | None, at: datetime, lease_ms: int) -> bool:
        """Set ``acknowledged`` to ``applied``, ``heard_at`` to ``at`` and raise ``lease_ms`` to the given one if it is
        larger; False when the row is gone or lapsed. None resets it; within one epoch it never goes down
        otherwise."""

    def all(self) -> Sequence[Registration]:
        """Every row, lapsed ones too."""

    def count_of(self, credential: str) -> int:
        """How many rows belong to the service credential with this id, lapsed ones too."""

    def mark_lapsed(self, number: str, at: datetime) -> bool:
        """Set ``lapsed_at`` if it was not set; True for exactly one caller."""

    def remove(self, numbers: Iterable[str]) -> int:
        """Delete rows; return how many there were."""


class Store(Protocol):
    """A store. Every method raises StoreUnavailable when the store can't be reached or refuses to write, and over a
    network when it has not answered within ``patience.time_left()``."""

    async def open(self) -> None:
        """Connect and bring the schema up to date."""

    async def close(self) -> None:
        """Let go of everything; idempotent."""

    async def write(self, work: Callable[[Transaction], Result], *, durable: bool = True) -> Result:
        """Run ``work`` in one transaction and commit it; ``work`` may be run again after a serialisation failure, so it
        has no side effects. ``durable=False`` is for touches, counts of attempts and notes of refusals: a power loss
        may take the last ones."""

    async def commit(self, work: Callable[[Transaction], Result], *, awaited: bool = False) -> Committed[Result]:
        """Write as ``write`` does, and tell what it means to subscribers.

        With ``awaited`` the head's ``awaited`` is raised in the same transaction to where the log then is, whether or
        not anything was appended: subscribers acknowledge at once (rules 6 and 14). It is never lowered.
        """

    async def read(
        self, work: Callable[[Transaction], Result], *, needs_snapshot: bool = True, takes_long: bool = False
    ) -> Result:
        """Run ``work`` over one consistent read of the primary that begins after this call.

        Pass ``needs_snapshot=False`` where ``work`` asks once, or each answer is right by itself: it spares a database
        elsewhere a round trip. What ``takes_long`` has a minute over a network, and other reads go on beside it.
        """

    async def look_up(self, asked: LookUp) -> Found:
        """As ``Sessions.look_up``, in a read of its own: every first sight of a credential waits for this."""

    async def write_registry(self, work: Callable[[Registry], Result], *, durable: bool = True) -> Result:
        """Run ``work`` over the registry and commit it. ``durable=False`` is for acknowledgements that raise no lease:
        a lost one costs a barrier time, a lost registration would let it end too early."""

    async def read_registry(self, work: Callable[[Registry], Result]) -> Result:
        """Run ``work`` over the registry, in a read that begins after this call. It asks one question: what two answer
        may be true at different times."""

    async def read_clock(self) -> datetime | None:
        """What the store's own wall clock shows now; None where it has the clock of the machine that asks."""

    def watch(self, changed: Callable[[], None], told: Callable[[News], None] | None = None) -> Callable[[], None]:
        """Call ``changed`` on the running loop when another process may have committed; a hint (rule 6). ``told`` is
        called instead where the store knows what it was. Returns the function that stops it."""

    @property
    def beside(self) -> str | None:
        """The path beside which this store's local files (development secret, witness) belong; None without files."""
