"""The rules of the protocol, each broken on purpose in one place. Every one must make the simulation fail.

A mutation replaces one method or function for the length of a ``with``. ``rule`` is the number in
``docs/revocation.md``.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from math import inf
from typing import Any

from msgspec import structs

from coatcheck.auth.feed import Feed
from coatcheck.authority import Delta, Snapshot
from coatcheck.checking.checker import Checker
from coatcheck.checking.recall import Recall
from coatcheck.errors import AuthError, SessionEnded
from coatcheck.flows import exchange_session as exchange_flow
from coatcheck.flows import login as login_flow
from coatcheck.flows.parts.credentials import access_token_for
from coatcheck.model.event import KeyRevoked
from coatcheck.model.login import Credentials
from coatcheck.model.position import Position
from coatcheck.model.principal import CarriedBy
from coatcheck.revocation import barrier
from coatcheck.revocation.barrier import Barrier
from coatcheck.revocation.lease import Lease
from coatcheck.revocation.replica import Replica
from coatcheck.revocation.subscriber import Heard, Subscriber
from coatcheck.sessions.grant import Living, grant, grant_again
from coatcheck.stores import authority as stores_authority
from coatcheck.stores.authority import StoreAuthority
from coatcheck.stores.memory.log import MemoryLog
from coatcheck.upkeep import confirm, janitor, restore, settle
from coatcheck.upkeep.enforce import Enforcer
from coatcheck.upkeep.follow import Follower
from coatcheck.verify.authority import HttpAuthority
from coatcheck.verify.following import Following
from tests.simulation import workload
from tests.simulation.process import Process
from tests.simulation.strange import SomethingNew


@dataclass(frozen=True)
class Mutation:
    """A rule broken on purpose: what is replaced where, and by what."""

    rule: str
    name: str
    places: tuple[tuple[Any, str, Any], ...]

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Break the rule, for as long as this lasts."""
        originals = [(owner, name, owner.__dict__[name]) for owner, name, _ in self.places]
        for owner, name, replacement in self.places:
            setattr(owner, name, replacement)
        try:
            yield
        finally:
            for owner, name, original in originals:
                setattr(owner, name, original)


MUTATIONS: dict[str, Mutation] = {}


def mutation(rule: str, *places: tuple[Any, str]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter what is decorated as the replacement for all of ``places``. Its first argument is the original."""

    def enter(replacement: Callable[..., Any]) -> Callable[..., Any]:
        name = replacement.__name__.replace("_", " ")
        replaced = tuple((owner, where, _bound(replacement, owner.__dict__[where])) for owner, where in places)
        MUTATIONS[name] = Mutation(rule, name, replaced)
        return replacement

    return enter


def _bound(replacement: Callable[..., Any], original: Any) -> Any:
    is_static = isinstance(original, staticmethod)
    real = original.__func__ if is_static else original

    def replaced(*args: Any, **named: Any) -> Any:
        return replacement(real, *args, **named)

    return staticmethod(replaced) if is_static else replaced


# -- 2: parameters ----------------------------------------------------------------------------------------------------


@mutation("2", (Barrier, "stand"))
def a_barrier_goes_by_the_newest_lease_length_only(real: Any, self: Any, registrations: Any, *now: Any) -> Any:
    return real(self, [structs.replace(row, lease_ms=0) for row in registrations], *now)


# -- 3: register, then read -------------------------------------------------------------------------------------------


@mutation("3", (Follower, "_sync_once"))
async def the_snapshot_is_read_before_the_registration(real: Any, self: Any, *how: Any) -> Any:
    if self._subscriber.registration is None and not self._has_left and hasattr(self._authority, "_process"):
        asked_at, wall = self._clock.steady(), self._clock.wall()
        try:
            snapshot = await self._authority._process.store.read(lambda tx: tx.log.snapshot(1000))
        except AuthError:
            return await real(self, *how)
        await asyncio.sleep(1.0)
        heard = await real(self, *how)
        if self._subscriber.registration is not None and self._subscriber.lease.until == -inf:
            self._subscriber.replica.load(snapshot)
            self._subscriber.lease.take(asked_at, snapshot.head.lease_ms / 1000, wall - asked_at)
        return heard
    return await real(self, *how)


@mutation("3", (StoreAuthority, "register"))
async def a_registration_claims_to_be_newer_than_it_is(real: Any, self: Any, *how: Any) -> Any:
    number = await real(self, *how)

    def later(registry: Any) -> None:
        row = registry.get(number)
        if row is not None:
            registry.remove([number])
            registry.add(structs.replace(row, since=Position(row.since.epoch, row.since.seq + 2)))

    await self._store.write_registry(later)
    return number


@mutation("3", (Subscriber, "hear"))
def late_answers_of_an_earlier_registration_count(real: Any, self: Any, flight: Any, answer: Any) -> Any:
    question = structs.replace(flight.question, registration=self.registration)
    return real(self, flight._replace(question=question), answer)


# -- 4: sync ----------------------------------------------------------------------------------------------------------


@mutation("4", (Subscriber, "_is_behind"))
def the_answers_of_a_stale_standby_are_taken(_: Any, self: Any, head: Any) -> bool:
    return False


@mutation("4", (Recall, "_ask_afresh"), (Recall, "_ask_along"))
async def the_look_ups_of_a_stale_standby_are_taken(real: Any, self: Any, doubt: Any) -> Any:
    return self._checker.take(doubt, await self._look_up(self._asked(doubt), True))


@mutation("4", (Replica, "_heed"))
def unknown_events_are_skipped(real: Any, self: Any, happening: Any, seq: int) -> None:
    if not isinstance(happening, SomethingNew):
        real(self, happening, seq)


@mutation("4", (Subscriber, "hear"))
def a_lease_is_taken_though_the_answer_was_cut(real: Any, self: Any, flight: Any, answer: Any) -> Any:
    heard = real(self, flight, answer)
    if heard is Heard.PARTIAL:
        self.lease.take(flight.asked_at, answer.head.lease_ms / 1000, flight.offset)
    return heard


@mutation("4", (Subscriber, "hear"))
def the_age_of_an_answer_is_ignored(real: Any, self: Any, flight: Any, answer: Any) -> Any:
    is_aged = getattr(answer, "age_ms", 0) > 0
    return real(self, flight, structs.replace(answer, age_ms=0) if is_aged else answer)


@mutation("4", (Replica, "load"))
def the_floor_of_a_snapshot_is_ignored(real: Any, self: Any, snapshot: Snapshot) -> None:
    real(self, structs.replace(snapshot, floor=0))


@mutation("4", (Subscriber, "hear"))
def a_registration_that_is_gone_goes_unnoticed(real: Any, self: Any, flight: Any, answer: Any) -> Any:
    if type(answer).__name__ == "Unregistered":
        return Heard.REFUSED
    return real(self, flight, answer)


# -- 5: lease ---------------------------------------------------------------------------------------------------------


@mutation("5", (Subscriber, "hear"))
def the_lease_counts_from_arrival(real: Any, self: Any, flight: Any, answer: Any) -> Any:
    return real(self, flight._replace(asked_at=self.process.steady()), answer)


@mutation("5", (Process, "forked"))
def a_fork_keeps_the_lease(_: Any, self: Any) -> None:
    self.is_forked = True


# -- 6: hints ---------------------------------------------------------------------------------------------------------


@mutation("6", (Follower, "heed"))
def news_count_as_applied(real: Any, self: Any, news: Any) -> None:
    real(self, news)
    replica, last = self._subscriber.replica, news.events[-1]
    if replica.position is not None and replica.position < Position(news.epoch, last.seq):
        replica._move_to(Position(news.epoch, last.seq), last.id)


# -- 7: goodbye -------------------------------------------------------------------------------------------------------


@mutation("7", (Follower, "stop"))
async def goodbye_deletes_the_row_before_trust_stops(real: Any, self: Any) -> None:
    with suppress(AuthError):
        if self._subscriber.registration is not None:
            await self._authority.goodbye(self._subscriber.registration)
            await asyncio.sleep(2.0)
    await real(self)


@mutation("7", (Subscriber, "leave"))
def goodbye_keeps_the_lease(_: Any, self: Any) -> Any:
    left, self.registration = self.registration, None
    return left


# -- 8: checking ------------------------------------------------------------------------------------------------------


@mutation("8", (Checker, "check"))
def the_clock_is_read_first(real: Any, self: Any, *args: Any, **named: Any) -> Any:
    first, clock = self._steady(), self._steady
    self._steady = lambda: first
    try:
        return real(self, *args, **named)
    finally:
        self._steady = clock


@mutation("8", (Recall, "_ask_along"))
async def a_shared_answer_is_not_tested_again(_: Any, self: Any, doubt: Any) -> Any:
    return self._checker.take(doubt, await self._look_up(self._asked(doubt), False))


@mutation("8", (Lease, "accepts"))
def accept_without_ever_having_held_a_lease(real: Any, self: Any, steady: float, wall: float, span: float) -> bool:
    return self.until == -inf or real(self, steady, wall, span)


@mutation("8", (Lease, "accepts"))
def accept_knows_no_end(_: Any, self: Any, steady: float, wall: float, span: float) -> bool:
    return self.until > -inf


@mutation("8", (confirm, "_receipt"))
def receipts_do_not_name_the_unbound(real: Any, *args: Any) -> Any:
    return structs.replace(real(*args), unbound=(), unbound_until=None)


@mutation("8", (Recall, "_ask_afresh"))
async def an_old_answer_is_good_for_ever(real: Any, self: Any, doubt: Any) -> Any:
    steady, self._checker.steady = self._checker.steady, lambda: 0.0
    try:
        return await real(self, doubt)
    finally:
        self._checker.steady = steady


@mutation("8", (Checker, "check"))
def news_from_another_thread_go_unnoticed(real: Any, self: Any, token: bytes, *args: Any) -> Any:
    steady, checker, cache = self._steady, self, self._cache

    def read() -> float:
        now: float = steady()
        remembered = cache.get(sha256(cache.prefixes[args[0] if args else CarriedBy.HEADER] + token).digest())
        if remembered is not None and remembered.credential.passed != -1:
            remembered.credential.passed = checker.replica.state
        return now

    self._steady = read
    try:
        return real(self, token, *args)
    finally:
        self._steady = steady


@mutation("8", (Recall, "_may_accept"))
def accept_does_not_look_whether_news_came(real: Any, self: Any, doubt: Any) -> bool:
    if doubt.remembered is not None:
        doubt.remembered.credential.passed = self._checker.replica.state
    return bool(real(self, doubt))


# -- 9: stamps and the floor ------------------------------------------------------------------------------------------


@mutation("9", (Replica, "_forget_oldest"))
def the_floor_is_not_raised_when_forgetting(real: Any, self: Any) -> None:
    floor = self.floor
    real(self)
    self.floor = floor


@mutation("9", (StoreAuthority, "look_up"))
async def the_stamp_of_a_look_up_is_read_later(real: Any, self: Any, asked: Any) -> Any:
    found = await real(self, asked)
    await asyncio.sleep(1.5)
    head = await self._store.read(lambda tx: tx.log.head())
    record = None if found.record is None else structs.replace(found.record, stamp=head.position)
    return structs.replace(found, record=record, position=head.position)


@mutation("9", (exchange_flow, "exchange_session"), (workload, "exchange_session"))
async def the_stamp_of_a_token_is_read_at_signing(_: Any, means: Any, session_id: str, generation: int) -> Any:
    now = means.now()
    granted = await means.store.write(lambda tx: grant_again(tx, session_id, generation, now))
    if granted is None:
        raise SessionEnded
    await asyncio.sleep(2.0)
    head = await means.store.read(lambda tx: tx.log.head())
    token, expires_at = access_token_for(means, structs.replace(granted, position=head.position))
    return Credentials(access_token=token, access_expires_at=expires_at, expires_at=granted.session.expires_at)


@mutation("9", (Replica, "test"))
def the_floor_is_not_asked(real: Any, self: Any, credential: Any) -> Any:
    floor, self.floor = self.floor, 0
    try:
        return real(self, credential)
    finally:
        self.floor = floor


@mutation("9", (Replica, "_forget_oldest"))
def nothing_is_ever_forgotten(_: Any, self: Any) -> None:
    return


# -- 10: the test -----------------------------------------------------------------------------------------------------


@mutation("10", (Replica, "_heed"))
def revoked_keys_stay(real: Any, self: Any, happening: Any, seq: int) -> None:
    if not isinstance(happening, KeyRevoked):
        real(self, happening, seq)


@mutation("10", (Checker, "_test"))
def a_role_change_logs_cookies_out(real: Any, self: Any, digest: bytes, remembered: Any) -> Any:
    kid = remembered.credential.kid
    remembered.credential.kid = kid or next(iter(self.replica.keys), None)
    try:
        return real(self, digest, remembered)
    finally:
        remembered.credential.kid = kid


@mutation("10", (Follower, "learn_keys"))
async def an_unknown_key_is_refused_at_once(_: Any, self: Any) -> bool:
    return True


# -- 12 and 13: issuing -----------------------------------------------------------------------------------------------


@mutation("12", (exchange_flow, "grant_again"))
def a_token_is_issued_without_finding_the_session_alive(_: Any, tx: Any, session_id: str, __: int, now: Any) -> Any:
    session = tx.sessions.get(session_id)
    user = None if session is None else tx.users.get(session.user_id)
    return None if user is None else grant(tx, Living(session, user, tx.log.head().position), now)


@mutation("13", (login_flow, "current_user"))
def a_login_does_not_require_the_hash_that_was_verified(_: Any, tx: Any, user_id: str, verified_hash: str) -> Any:
    return tx.users.get(user_id)


# -- 14: the barrier --------------------------------------------------------------------------------------------------


@mutation("14", (Enforcer, "enforce"))
async def applying_at_home_moves_the_position(real: Any, self: Any, events: Any, position: Any, *, wait: bool) -> Any:
    events = list(events)
    replica = self._replica
    if events and replica.position is not None and replica.position.epoch == position.epoch:
        for event in events:
            replica.heed(event.happening, Position(position.epoch, event.seq))
        if replica.position < position:
            replica._move_to(Position(position.epoch, events[-1].seq), events[-1].id)
    return await real(self, events, position, wait=wait)


@mutation("14", (Replica, "heed"))
def nothing_is_applied_at_home(_: Any, self: Any, happening: Any, position: Any) -> None:
    return


@mutation("14", (Replica, "load"))
def a_snapshot_wipes_out_what_was_heeded(real: Any, self: Any, snapshot: Any) -> None:
    self._ahead = {}
    real(self, snapshot)


@mutation("14", (barrier, "bound_of"))
def w_allows_for_no_drift(real: Any, head: Any, *who: Any, **named: Any) -> float:
    return float(real(structs.replace(head, drift=0.0), *who, **named))


@mutation("14", (Barrier, "_has_acknowledged"))
def acknowledgements_are_not_asked_for(_: Any, self: Any, row: Any) -> bool:
    return True


@mutation("14", (Barrier, "stand"))
def an_unsettled_epoch_is_not_waited_for(real: Any, self: Any, registrations: Any, head: Any, steady: float) -> Any:
    return real(self, registrations, structs.replace(head, settled=True), steady)


@mutation("14", (Barrier, "stand"))
def a_store_that_was_replaced_meanwhile_goes_unnoticed(
    real: Any, self: Any, registrations: Any, head: Any, steady: float
) -> Any:
    first = self.__dict__.setdefault("first", head)
    return real(self, registrations, first, steady)


@mutation("14", (MemoryLog, "begin_epoch"))
def a_new_epoch_begins_settled(real: Any, self: Any, epoch: Any) -> None:
    real(self, epoch)
    self.settle(epoch)


@mutation("14", (settle, "bound_of"))
def an_epoch_is_settled_at_once(*_: Any, **__: Any) -> float:
    return 0.0


# -- 15: shedding -----------------------------------------------------------------------------------------------------


@mutation("15", (Barrier, "stand"))
def marked_rows_are_left_out_at_once(real: Any, self: Any, registrations: Any, *now: Any) -> Any:
    return real(self, [row for row in registrations if row.lapsed_at is None], *now)


@mutation("15", (janitor, "bound"), (janitor, "bound_of"))
def marked_rows_are_deleted_at_once(*_: Any, **__: Any) -> float:
    return 0.0


# -- 16: subscribers elsewhere ----------------------------------------------------------------------------------------


@mutation("16", (Feed, "_ask"))
async def a_server_answers_from_what_it_knows_itself(real: Any, self: Any, question: Any) -> Any:
    known, latest = self._opened.running.replica.position, self.__dict__.get("latest")
    if latest is not None and known == question.applied == latest.position:
        return Delta(head=latest, events=())
    answer = await real(self, question)
    if isinstance(answer, Delta):
        self.latest = answer.head
    return answer


@mutation("16", (stores_authority, "_may_ask"))
def a_registration_speaks_for_any_credential(_: Any, question: Any, row: Any) -> bool:
    return row is not None and row.lapsed_at is None


@mutation("16", (StoreAuthority, "goodbye"))
async def a_goodbye_is_taken_from_anybody(_: Any, self: Any, registration: str, credential: Any = None) -> None:
    await self._store.write_registry(lambda registry: registry.remove([registration]))


@mutation("16", (Following, "_begin_again"))
def names_are_compared_under_another_key(real: Any, self: Any, terms: Any) -> None:
    if not hasattr(self, "has_begun"):
        self.has_begun = True
        real(self, terms)
        return
    self.subscriber.leave()
    self._replica.position = None


@mutation("16", (HttpAuthority, "_aged"))
def the_answer_to_a_registration_does_not_age(_: Any, self: Any, first: Any) -> Any:
    return first.answer


@mutation("16", (HttpAuthority, "register"))
async def a_service_does_not_declare_that_it_accepts(real: Any, self: Any, name: str, _: Any) -> Any:
    return await real(self, name, None)


# -- 17: epochs -------------------------------------------------------------------------------------------------------


@mutation("17", (MemoryLog, "begin_epoch"))
def a_restored_backup_keeps_its_epoch(_: Any, self: Any, epoch: Any) -> None:
    return


@mutation("17", (restore, "end_everything"))
def a_restored_backup_does_not_end_what_was_issued(_: Any, *args: Any, **named: Any) -> None:
    return


@mutation("17", (restore, "replace_keys"))
def a_restored_backup_keeps_its_keys(_: Any, *args: Any, **named: Any) -> None:
    return


@mutation("17", (Subscriber, "_is_behind"))
def a_lower_epoch_is_followed(_: Any, self: Any, head: Any) -> bool:
    known = self.replica.position
    return known is not None and head.epoch == known.epoch and head.seq < known.seq


@mutation("17", (barrier, "bound_of"))
def a_barrier_in_a_young_epoch_goes_by_the_list_alone(real: Any, *who: Any, is_settled: bool) -> float:
    return float(real(*who, is_settled=True))


@mutation("17", (MemoryLog, "allow_for"))
def a_shorter_lease_makes_longer_ones_be_forgotten(_: Any, self: Any, lease: Any) -> None:
    self._rows.head = structs.replace(self._rows.head, longest_lease_ms=lease // timedelta(milliseconds=1))
