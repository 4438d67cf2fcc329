"""The world of one schedule: processes, people, a store and everything that goes wrong, all decided by a seed."""

import dataclasses
import json
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from msgspec import structs

from coatcheck.authority import Answer, Found, LookUp, News, Question
from coatcheck.checking.doubt import Doubt
from coatcheck.checking.recall import Policy
from coatcheck.errors import AuthError
from coatcheck.flows.parts.credentials import access_token_for, login_from, mint
from coatcheck.flows.parts.new_credential import add_credential, compose_credential
from coatcheck.flows.parts.new_session import new_session
from coatcheck.model.client import Client
from coatcheck.model.identifiers import SERVICE, SESSION, new_identifier
from coatcheck.model.key import Algorithm, KeyStatus, SigningKey
from coatcheck.model.login import Credentials, Login
from coatcheck.model.principal import Kind
from coatcheck.model.service import Service
from coatcheck.model.session import Carry, Ending, Session
from coatcheck.model.user import User
from coatcheck.sessions.grant import Grant
from coatcheck.sessions.open import open_session
from coatcheck.settings import RevocationSettings, SessionSettings, Settings, TokenSettings
from coatcheck.stores.authority import StoreAuthority
from coatcheck.stores.memory.rows import Rows
from coatcheck.stores.memory.store import MemoryStore
from coatcheck.tokens.base64url import decode
from coatcheck.tokens.opaque import digest
from coatcheck.upkeep.restore import begin_again
from coatcheck.upkeep.rotation import rotate_keys
from tests.simulation.loop import Caught, Died, Timeline
from tests.simulation.oracle import Broken, Fact, Oracle
from tests.simulation.process import SECRETS, Process
from tests.simulation.remote import Remote
from tests.simulation.running import Running
from tests.simulation.strange import SomethingNew

log = logging.getLogger("coatcheck")

START: Final = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()
LEASE: Final = 5.0
DRIFT: Final = 0.1
CLIENT: Final = Client(address="192.0.2.7")


def _settings(algorithm: Algorithm) -> Settings:
    return Settings(
        database="memory:",
        sessions=SessionSettings(grace=timedelta(seconds=3)),
        tokens=TokenSettings(algorithm=algorithm, access_for=timedelta(seconds=45)),
        revocation=RevocationSettings(lease=timedelta(seconds=LEASE), drift=DRIFT),
    )


SETTINGS: Final = _settings(Algorithm.HS256)
SETTINGS_WITH_REMOTES: Final = _settings(Algorithm.EDDSA)
"""A service elsewhere checks what is signed with public keys alone, and that takes longer."""
WITH_REMOTES: Final = 0.18
"""How many schedules have them."""

WITH_NEWS: Final = 0.2
"""In how many schedules bells say what happened."""


@dataclass(slots=True)
class Held:
    """A credential as a client holds it, and what the world knows of it."""

    name: str
    token: bytes
    is_jwt: bool
    user_id: str
    session_id: str
    generation: int
    version: int
    expires_at: float
    kid: str | None


@dataclass(slots=True)
class Person:
    """Somebody with an account: the password they would type, and the refresh tokens they hold."""

    user_id: str
    email: str
    password: str
    refresh_tokens: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Copy:
    """The store as it was once: how many events there had been, and the longest lease that it ought to know of."""

    store: MemoryStore
    order: int
    longest_lease: float


class World:
    """One schedule. ``trace`` collects what happened, for a person to read."""

    drift = DRIFT
    epoch_of_time = START

    def __init__(self, seed: int, trace: list[str] | None = None) -> None:
        self.rng = rng = random.Random(seed)
        random.seed(seed)
        self.timeline = Timeline()
        self.trace = trace
        self.fault: BaseException | None = None
        self.oracle = Oracle(self)
        # How rough this world is.
        is_rough = rng.random() < 0.7
        self.loss = rng.choice((0.0, 0.03, 0.15)) if is_rough else 0.0
        self.slowness = rng.choice((0.01, 0.1)) if is_rough else 0.0
        self.repetition = rng.choice((0.0, 0.3)) if is_rough else 0.0
        self.stops = rng.choice((0.0, 0.0, 0.02, 0.06)) if is_rough else 0.0
        self.bells = rng.choice((0.0, 0.5, 1.0))
        self._postman = postman_of(seed)
        self.has_relay = rng.random() < 0.15
        self.remembered = rng.choice((3, 6, 100))
        self.cached = rng.choice((4, 100))
        self.most_events = rng.choice((1, 3, 100))
        self.most_in_snapshot = rng.choice((1, 3, 100))
        self.has_new_keys = False
        self.is_strange = False
        # Services that have no store, in the place of processes that have it.
        self.remotes = remotes_of(seed)
        self.settings = SETTINGS_WITH_REMOTES if self.remotes else SETTINGS
        self.stage = 0
        self._credentials: dict[str, tuple[str, str]] = {}
        # The store.
        self.primary = MemoryStore()
        self.is_down_until = 0.0
        self.backup: Copy | None = None
        self.standby: Copy | None = None
        self.longest_lease = LEASE
        self.standby_answers = 0.0
        self.replaced_at = -9.0
        self.hash_at_commit: dict[str, str | None] = {}
        # People and processes.
        self.people: list[Person] = []
        self.held: list[Held] = []
        self.processes: list[Running] = []
        self.count = 0
        self._populate()

    # -- running ------------------------------------------------------------------------------------------------------

    def run(self, until: float) -> None:
        """Let the world go on. Raises Broken, or whatever else went wrong in a process."""
        caught = Caught(self.failed)
        log.addHandler(caught)
        try:
            self.timeline.run(until)
        finally:
            for process in self.processes:
                process.die()
            log.removeHandler(caught)
        if self.fault is not None:
            raise self.fault

    def failed(self, fault: BaseException) -> None:
        """Remember the first thing that went wrong. What is no broken promise goes first: it may have caused one."""
        if self.fault is None or (isinstance(self.fault, Broken) and not isinstance(fault, Broken)):
            self.fault = fault

    def guard(self, work: Callable[..., None], *args: Any) -> None:
        """Run a judgement; what it finds ends the schedule."""
        try:
            work(*args)
        except AssertionError as broken:
            self.say(f"BROKEN  {broken}")
            self.failed(broken)

    def say(self, line: str) -> None:
        if self.trace is not None and self.fault is None:
            self.trace.append(f"{self.timeline.now:8.3f}  {line}")

    def set_lease(self, seconds: float) -> None:
        """Start a server, as it were, whose settings have another lease than those before it."""
        revocation = dataclasses.replace(self.settings.revocation, lease=timedelta(seconds=seconds))
        self.settings = dataclasses.replace(self.settings, revocation=revocation)
        self.primary.transact(self._set_parameters)
        self.longest_lease = max(self.longest_lease, seconds)
        self.oracle.longest_lease = max(self.oracle.longest_lease, seconds)

    def _set_parameters(self, tx: Any) -> None:
        settings = self.settings
        tx.log.set_parameters(
            lease=settings.revocation.lease, token=settings.tokens.access_for, drift=settings.revocation.drift
        )

    def needs_list(self, backup: Copy) -> bool:
        """Whether the list of subscribers has to be kept when this ``backup`` is put back: how long some of them go on
        is nowhere else (rule 17)."""
        if any(process.policy is Policy.ACCEPT for process in self.processes):
            return True
        return self.oracle.longest_lease > max(backup.longest_lease, self.settings.revocation.lease.total_seconds())

    def copied(self) -> Copy:
        """A backup of the store, or a standby that is there from now on."""
        return Copy(copy_of(self.primary), self.oracle.order, self.longest_lease)

    @property
    def tells_news(self) -> bool:
        """Whether the store's bell says what happened; then others wait a moment for it."""
        return self._postman is not None

    # -- the store ----------------------------------------------------------------------------------------------------

    def travel(self, process: Running) -> tuple[float, float | None]:
        """How long a unit of work takes to the store and its outcome back; None for never."""
        rng = self.rng
        if self.timeline.now < process.slow_until:
            self.trouble(process)
            return rng.random() * 0.02, rng.choice((0.1, 2.0, 4.0))
        if self.slowness and rng.random() < self.slowness:
            self.trouble(process)
            return rng.random() * rng.choice((1.0, 8.0)), rng.choice((0.0, 1.0, 4.0, None))
        return rng.random() * 0.02, rng.random() * 0.02

    def is_cut_off(self, process: Running, *, itself: bool = False) -> bool:
        """Whether a process does not reach the store; ``itself``: does not reach anybody."""
        return self.timeline.now < max(process.cut_until, 0.0 if itself else self.is_down_until)

    def run_work(self, verb: str, work: Callable[[Any], Any]) -> Any:
        """Run one unit of work at the primary, and enter what it appended."""
        store = self.primary
        if verb not in ("transact", "transact_and_tell", "transact_awaited"):
            return getattr(store, verb)(work)
        rows = store._rows
        seq, sessions = rows.head.seq, len(rows.sessions)
        if verb == "transact_awaited":
            result: Any = store.transact_and_tell(work, awaited=True)
        else:
            result = getattr(store, verb)(work)
        if len(rows.sessions) > sessions:
            newest = next(reversed(rows.sessions.values()))
            user = rows.users.get(newest.user_id)
            self.hash_at_commit[newest.id] = None if user is None else user.password_hash
        if rows.head.seq > seq:
            self._enter_from(seq, is_urgent=verb == "transact_awaited")
        return result

    def _enter_from(self, seq: int, *, is_urgent: bool) -> None:
        rows, timeline = self.primary._rows, self.timeline
        self.oracle.longest_lease = max(self.oracle.longest_lease, rows.head.lease_ms / 1000)
        for at in range(seq + 1, rows.head.seq + 1):
            event = rows.events[at]
            fact = self.oracle.commit(rows.head.epoch, event)
            self.say(f"store: {rows.head.epoch.number}.{at} {event.happening}")
            if fact is not None:
                for late in (0.01, 0.5, 2.0):
                    timeline.at(timeline.now + self.oracle.bound + late, self.try_against, fact)
        for process in self.processes:
            if not process.loop.is_dead and self.rng.random() < self.bells:
                at_ = timeline.now + self.rng.random() * 0.05
                timeline.at(at_, process.ring, owner=process.loop)
        if self._postman is not None:
            events = tuple(rows.events[at] for at in range(seq + 1, rows.head.seq + 1))
            self._carry(News(rows.head.epoch, events, is_urgent), self._postman)

    def _carry(self, news: News, postman: random.Random) -> None:
        """Tell processes what happened, as a store's notification does: soon or late, twice or not at all."""
        for process in self.processes:
            while not process.loop.is_dead and postman.random() < 0.6:
                late = postman.random() * postman.choice((0.02, 0.02, 0.5, 8.0))
                self.timeline.at(self.timeline.now + late, process.hear, news, owner=process.loop)

    def trouble(self, process: Running) -> None:
        """Remember that something has just kept this process from the store, or from its senses."""
        process.trouble_at = max(process.trouble_at, self.timeline.now + 3.0)

    def stale_answer(self, process: Process, question: Question) -> Answer | None:
        """What a standby says that lags behind what this process has applied. To nobody else does it get through."""
        standby = self._standby_for(process)
        if standby is None:
            return None
        return standby.view(lambda tx: process.authority._real._answers(tx, [question]))[0][0]

    def stale_for(self, authority: StoreAuthority, question: Question) -> Answer | None:
        """What a server is told by a standby that lags behind what a service has applied."""
        standby = None if self.standby is None else self.standby.store
        if standby is None or question.applied is None or self.rng.random() >= self.standby_answers:
            return None
        if not standby._rows.head.position < question.applied:
            return None
        return standby.view(lambda tx: authority._answers(tx, [question]))[0][0]

    def stale_found(self, process: Process, asked: LookUp) -> Found | None:
        """As ``stale_answer``, for a look-up."""
        standby = self._standby_for(process, at_least_for=4.0)  # the check may have begun a while ago, knowing less
        if standby is None:
            return None
        self.trouble(process)
        return standby.view(lambda tx: tx.sessions.look_up(asked))

    def _standby_for(self, process: Running, at_least_for: float = 0.0) -> MemoryStore | None:
        position = process.known_since(self.timeline.now - at_least_for)
        if self.standby is None or position is None or self.rng.random() >= self.standby_answers:
            return None
        standby = self.standby.store
        return standby if standby._rows.head.position < position else None

    def promote(self) -> None:
        """Let the standby take over, in a new epoch. What it had not received is lost, and is promised no more."""
        if self.standby is None:
            return
        copy, self.standby = self.standby, None
        standby = copy.store
        self.say(
            f"store: a standby at {standby._rows.head.seq} takes over, the primary was at {self.primary._rows.head.seq}"
        )
        self.oracle.unmake(copy.order, endings=True)
        epoch = max(self.primary._rows.head.epoch, standby._rows.head.epoch).successor()
        self._linger(self.primary)
        self.primary, self.longest_lease = standby, copy.longest_lease
        self.primary.transact(lambda tx: tx.log.begin_epoch(epoch))
        self._recall_passwords()

    def _linger(self, old: MemoryStore) -> None:
        """Let the old primary go on answering for a while, to those who can tell."""
        self.standby = Copy(copy_of(old), self.oracle.order, self.longest_lease)
        self.standby_answers = self.rng.choice((0.0, 0.5, 1.0))
        self.timeline.at(self.timeline.now + self.rng.random() * 10, self.catch_up)

    def catch_up(self) -> None:
        """No standby lags behind any more."""
        self.standby = None

    def _recall_passwords(self) -> None:
        self.replaced_at = self.timeline.now
        for person in self.people:
            user = self.primary._rows.users[person.user_id]
            person.password = (user.password_hash or "").removeprefix("plain:")
        for process in self.processes:
            self.trouble(process)

    def aged(self, answer: Answer, age: float) -> Answer:
        return structs.replace(answer, age_ms=int(age * 1000) + 1)  # type: ignore[type-var]

    def restore(self) -> None:
        """Put the backup back by the command that makes it safe: new keys, everything ended, a new epoch (rule 17)."""
        if self.backup is None:
            return
        old, copy, self.backup = self.primary, self.backup, None
        backup = copy.store
        self.say(f"store: restored to {backup._rows.head.seq}, was at {old._rows.head.seq}")
        is_kept = self.needs_list(copy) or self.rng.random() < 0.5
        backup._rows.registrations = dict(old._rows.registrations) if is_kept else {}
        self.oracle.unmake(copy.order)
        self.primary = backup
        self._linger(old)
        self.longest_lease = max(copy.longest_lease, self.settings.revocation.lease.total_seconds())
        epoch = max(old._rows.head.epoch, backup._rows.head.epoch).successor()
        lost = {kid for kid, key in old._rows.keys.items() if key.status is KeyStatus.REVOKED}
        revived = [key for key in backup._rows.keys.values() if key.status is not KeyStatus.REVOKED and key.kid in lost]
        now = datetime.fromtimestamp(START + self.timeline.now, UTC)
        self.has_new_keys = True
        self.run_work("transact", lambda tx: begin_again(tx, SECRETS, self.settings, epoch, now=now))
        self._recall_passwords()
        for key in revived:
            self._forge(key, now)
        for process in self.alive():
            if process.is_remote:
                self.timeline.at(self.timeline.now + self.rng.random() * 6, self.replace_credential, process)

    def _forge(self, key: SigningKey, now: datetime) -> None:
        """Whoever has a key that was revoked after the backup was made signs what would count now, and tries it."""
        rows, servers = self.primary._rows, self.servers()
        live = [session for session in rows.sessions.values() if session.kind is Kind.USER and session.ended_at is None]
        if not live or not servers:
            return
        session = self.rng.choice(live)
        granted = Grant(
            session=structs.replace(session, everything_generation=rows.head.everything_generation),
            user=rows.users[session.user_id],
            position=rows.head.position,
            issued_at=now,
            signing_key=structs.replace(key, status=KeyStatus.CURRENT),  # it asks nobody whether it may sign
        )
        token, expires_at = access_token_for(servers[0].means, granted)
        forged = Credentials(access_token=token, access_expires_at=expires_at, expires_at=session.expires_at)
        self.hold_token(forged, session)
        for process in self.alive():
            for _ in range(6):
                self.check_soon(process, self.held[-1], within=12.0)

    def happen_strangely(self) -> None:
        """A newer server ends a session in a way of its own."""
        live = [session for session in self.primary._rows.sessions.values() if session.ended_at is None]
        if not live:
            return
        self.is_strange = True
        session = self.rng.choice(live)
        now = datetime.fromtimestamp(START + self.timeline.now, UTC)

        def work(tx: Any) -> None:
            tx.sessions.end(session.id, now, Ending.LOGOUT)
            tx.log.append(SomethingNew(session.id))

        self.run_work("transact", work)

    # -- people -------------------------------------------------------------------------------------------------------

    def _populate(self) -> None:
        settings, rng = self.settings, self.rng
        start = datetime.fromtimestamp(START, UTC)

        def work(tx: Any) -> None:
            self._set_parameters(tx)
            rotate_keys(tx, SECRETS, settings, now=lambda: start - timedelta(hours=1))

        self.run_work("transact", work)
        self.oracle.longest_lease = LEASE
        for number in range(3):
            policy = rng.choice((Policy.ONLINE, Policy.ONLINE, Policy.DENY, Policy.ACCEPT))
            self.spawn(("abc"[: 3 - self.remotes] + "rs")[number], policy)
        means = self.servers()[0].means
        for number in range(2):
            user_id = new_identifier("usr")
            email = f"person{number}@example.com"
            person = Person(user_id, email, "the first of many passwords")
            user = User(
                id=user_id,
                email=email,
                email_key=email,
                password_hash=f"plain:{person.password}",
                created_at=start,
                password_changed_at=start,
            )
            self.primary.transact(lambda tx, user=user: tx.users.add(user))
            self.people.append(person)
            for carry in (Carry.COOKIE, Carry.TOKENS):
                session_id = new_identifier(SESSION)
                secret = mint(means, carry, session_id, step=1)
                session = new_session(
                    means,
                    user,
                    session_id=session_id,
                    secret=secret,
                    carry=carry,
                    remember=False,
                    audience=None,
                    client=CLIENT,
                    everything_generation=1,
                    now=start,
                )
                granted = self.primary.transact(
                    lambda tx, s=session, u=user: open_session(tx, s, u, tx.log.head().position)
                )
                self.hold(person, login_from(means, granted, secret.text))

    def hold(self, person: Person, login: Login) -> None:
        """A client puts away what it was given."""
        credentials, session = login.credentials, login.session
        if credentials.refresh_token is not None:
            person.refresh_tokens.append(credentials.refresh_token)
        if credentials.session_token is not None:
            token = credentials.session_token.encode()
            self._hold("cookie", token, session, session.generation, login.user.version, session.expires_at, None)
        if credentials.access_token is not None:
            self.hold_token(credentials, session)

    def hold_token(self, credentials: Credentials, session: Session) -> None:
        """A client puts away an access token; what it is worth is written in it."""
        token = (credentials.access_token or "").encode()
        header, payload = (json.loads(decode(part)) for part in token.split(b".")[:2])
        expires_at = credentials.access_expires_at or session.expires_at
        self._hold("jwt", token, session, payload["gen"], payload["ver"], expires_at, header["kid"])

    def _hold(
        self,
        kind: str,
        token: bytes,
        session: Session,
        generation: int,
        version: int,
        expires_at: datetime,
        kid: str | None,
    ) -> None:
        self.count += 1
        held = Held(
            f"{kind}{self.count}",
            token,
            kid is not None,
            session.user_id,
            session.id,
            generation,
            version,
            expires_at.timestamp(),
            kid,
        )
        self.held.append(held)
        self.say(f"client: holds {held.name} of {session.id} (generation {generation}, version {version})")

    def is_valid(self, held: Held, process: Running) -> bool:
        """Whether the store would accept this now, by the letter."""
        rows = self.primary._rows
        if process.wall() > held.expires_at - 1:
            return False
        if not held.is_jwt:
            found = self.primary.view(lambda tx: tx.sessions.look_up(LookUp(digest=digest(held.token))))
            return found.record is not None and not found.record.superseded
        found = self.primary.view(lambda tx: tx.sessions.look_up(LookUp(session_id=held.session_id)))
        record = found.record
        if record is None or record.generation != held.generation or record.user_version != held.version:
            return False
        return rows.keys[held.kid].status is not KeyStatus.REVOKED if held.kid in rows.keys else False

    # -- processes ----------------------------------------------------------------------------------------------------

    def spawn(self, name: str, policy: Policy, parent: Running | None = None) -> Running:
        """Start a process, or fork one."""
        kind = Remote if name[0] in "rs" else Process
        accept_for = self.rng.choice((4.0, 12.0)) if policy is Policy.ACCEPT else 0.0
        process = kind(self, name, policy, accept_for if parent is None else parent.accept_for)
        self.processes.append(process)
        if parent is not None:
            process.fork_from(parent)
        delay = self.rng.random() * (5.0 if parent is not None else 0.5)
        self.timeline.at(self.timeline.now + delay, self.launch, process, process.start, owner=process.loop)
        return process

    def launch(self, process: Running, work: Callable[..., Any], *args: Any) -> None:
        """Begin a task in a process."""
        process.loop.create_task(work(*args))

    def launch_soon(self, process: Running, work: Callable[..., Any], *args: Any) -> None:
        """Begin a task in a process as soon as it is its turn."""
        self.timeline.at(self.timeline.now, self.launch, process, work, *args, owner=process.loop)

    def alive(self) -> list[Running]:
        return [process for process in self.processes if not process.loop.is_dead]

    def servers(self) -> list[Process]:
        """The processes that have the store."""
        return [process for process in self.alive() if isinstance(process, Process)]

    def credential_of(self, name: str, *, fresh: bool = False) -> tuple[str, str]:
        """The credential by which a service follows the feed, as (id, secret): the one it has, or a fresh one."""
        name = name.rstrip("'")
        if fresh or name not in self._credentials:
            means = next(process.means for process in self.processes if isinstance(process, Process))
            audiences = (self.settings.issuer,)
            service = Service(
                id=new_identifier(SERVICE), name=name, audiences=audiences, feed=True, created_at=means.now()
            )
            made = compose_credential(means, Kind.SERVICE, service.id, name=name, expires_at=None, client=CLIENT)

            def work(tx: Any) -> None:
                tx.services.add(service)
                add_credential(tx, made.credential)

            self.primary.transact(work)
            self._credentials[name] = made.credential.id, made.secret or ""
        return self._credentials[name]

    def is_barred(self, process: Running) -> bool:
        """Whether a service's credential opens the feed no more."""
        asked = LookUp(session_id=getattr(process, "credential_id", None))
        return process.is_remote and self.primary.view(lambda tx: tx.sessions.look_up(asked)).record is None

    def replace_credential(self, process: Running) -> None:
        """Give a service a credential that opens the feed, and start it anew."""
        if not process.loop.is_dead:
            self.credential_of(process.name, fresh=True)
            process.die()
            self.spawn(process.name, process.policy)

    def look_at(self, process: Running) -> None:
        self.guard(self.oracle.look_at, process)

    # -- checking -----------------------------------------------------------------------------------------------------

    def try_against(self, fact: Fact) -> None:
        """Present what a fact revokes, everywhere."""
        affected = [
            held
            for held in self.held[-14:]
            if fact.what in ("everything", "key") or fact.subject in (held.session_id, held.user_id)
        ]
        if affected:
            held = self.rng.choice(affected)
            for process in self.alive():
                self.check_soon(process, held)

    def check_soon(self, process: Running, held: Held, within: float = 0.0) -> None:
        """Let a request come to a process: on its loop, or in a thread beside it."""
        at = self.timeline.now + (self.rng.random() * within if within else 0.0)
        if self.rng.random() < 0.3:
            self.timeline.at(at, self._check_in_thread, process, held, owner=process.loop)
        else:
            self.timeline.at(at, self.launch, process, self._check, process, held, owner=process.loop)

    async def _check(self, process: Running, held: Held) -> None:
        began, was_valid = self.timeline.now, self.is_valid(held, process)
        try:
            remembered = await process.check(held.token)
        except AuthError as fault:
            self._refused(process, held, fault, began, was_valid)
        else:
            self._accepted(process, held, remembered, began)

    def _check_in_thread(self, process: Running, held: Held) -> None:
        if process.in_thread:
            return
        began, was_valid = self.timeline.now, self.is_valid(held, process)
        process.in_thread = True
        try:
            remembered = process.look(held.token)
        except AuthError as fault:
            self._refused(process, held, fault, began, was_valid)
            return
        except Died:
            return
        finally:
            process.in_thread = False
        if isinstance(remembered, Doubt):
            self.launch(process, self._settle, process, held, remembered, began, was_valid)
        else:
            self._accepted(process, held, remembered, began)

    async def _settle(self, process: Running, held: Held, doubt: Doubt, began: float, was_valid: bool) -> None:
        try:
            remembered = await process.settle(doubt)
        except AuthError as fault:
            self._refused(process, held, fault, began, was_valid)
        else:
            self._accepted(process, held, remembered, began)

    def _accepted(self, process: Running, held: Held, remembered: Any, began: float) -> None:
        if self.trace is not None:
            self.say(f"{process.name}: accepts {held.name} (asked at {began:.3f})")
        self.guard(self.oracle.accepted, process, held, remembered, began)

    def _refused(self, process: Running, held: Held, fault: AuthError, began: float, was_valid: bool) -> None:
        if self.trace is not None:
            self.say(f"{process.name}: refuses {held.name}: {type(fault).__name__} (asked at {began:.3f})")
        self.guard(lambda: self.oracle.refused(process, held, fault, began, was_valid=was_valid))


def remotes_of(seed: int) -> int:
    """How many services without a store a schedule has. Its own dice, so that all others fall as they ever did."""
    dice = random.Random(f"remotes of {seed}")
    return dice.choice((1, 1, 2)) if dice.random() < WITH_REMOTES else 0


def postman_of(seed: int) -> random.Random | None:
    """The dice of who is told what happened, in a schedule in which anybody is: none of the others falls otherwise."""
    dice = random.Random(f"postman in {seed}")
    return dice if dice.random() < WITH_NEWS else None


def copy_of(store: MemoryStore) -> MemoryStore:
    """A store with the same rows: a backup, or a standby."""
    copy = MemoryStore()
    for name in Rows.__slots__:
        value = getattr(store._rows, name)
        if isinstance(value, dict):
            value = value.copy()
        setattr(copy._rows, name, value)
    copy._rows.sessions_of = {user: sessions.copy() for user, sessions in store._rows.sessions_of.items()}
    copy._rows.journal = []
    return copy
