"""The store as an authority: what it answers, and what it records (rules 2, 3, 4 and 15)."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from msgspec import structs

from coatcheck.authority import Delta, Question, Snapshot, Unregistered
from coatcheck.errors import AttemptsExceeded, StoreUnavailable
from coatcheck.model.event import SessionEnded
from coatcheck.model.identifiers import new_identifier
from coatcheck.model.position import Epoch, Position
from coatcheck.stores.authority import Late, StoreAuthority
from coatcheck.stores.memory.store import MemoryStore
from coatcheck.testing import ManualClock


class Site:
    """A memory store with three events, and one registration."""

    def __init__(self, **limits: int) -> None:
        self.store, self.clock = MemoryStore(), ManualClock()
        self.authority = StoreAuthority(self.store, lambda: self.clock.now, **limits)
        for _ in range(3):
            self.append()
        self.number = asyncio.run(self.authority.register("here", None))

    def append(self) -> None:
        self.store.transact(lambda tx: tx.log.append(SessionEnded(new_identifier("ses"))))

    def asks(self, seq: int | None = None, event_id: str | None = None, **changes: Any) -> Any:
        head = self.store.view(lambda tx: tx.log.head())
        known = None if seq is None else self.store.view(lambda tx: tx.log.event_id_at(seq)) or ""
        question = Question(
            registration=self.number,
            applied=None if seq is None else Position(head.epoch, seq),
            event_id=known if event_id is None else event_id,
        )
        return asyncio.run(self.authority.sync(structs.replace(question, **changes)))

    @property
    def acknowledged(self) -> int | None:
        row = self.store.registry_view(lambda registry: registry.get(self.number))
        assert row is not None
        return None if row.acknowledged is None else row.acknowledged.seq


def test_the_first_answer_is_a_snapshot_and_acknowledges_nothing() -> None:
    site = Site()
    answer = site.asks()
    assert isinstance(answer, Snapshot)
    assert len(answer.ended) == 3
    assert site.acknowledged is None


def test_the_events_after_a_position_come_in_order_and_acknowledge_it() -> None:
    site = Site()
    answer = site.asks(1)
    assert isinstance(answer, Delta)
    assert [event.seq for event in answer.events] == [2, 3]
    assert site.acknowledged == 1


def test_a_long_answer_is_cut_and_says_so() -> None:
    answer = Site(most_events=1).asks(1)
    assert [event.seq for event in answer.events] == [2]
    assert answer.more


def test_another_id_at_that_position_is_an_alarm_and_acknowledges_nothing() -> None:
    site = Site()
    answer = site.asks(2, event_id="evt_of_another_history")
    assert isinstance(answer, Snapshot)
    assert answer.foreign
    assert site.acknowledged is None


def test_another_epoch_is_an_alarm_and_acknowledges_nothing() -> None:
    site = Site()
    question = site.asks
    before = site.store.view(lambda tx: tx.log.head())
    site.store.transact(lambda tx: tx.log.begin_epoch(before.epoch.successor()))
    answer = question(2, applied=Position(before.epoch, 2))
    assert isinstance(answer, Snapshot)
    assert answer.foreign
    assert site.acknowledged is None


def test_who_is_ahead_of_the_store_sees_that_and_acknowledges_nothing() -> None:
    site = Site()
    answer = site.asks(9, event_id="evt_9")
    assert isinstance(answer, Delta)
    assert answer.events == ()
    assert answer.head.seq == 3
    assert site.acknowledged is None


def test_who_is_older_than_the_log_gets_a_snapshot_with_the_floor() -> None:
    site = Site()
    site.store.transact(lambda tx: tx.log.forget(up_to=2))
    answer = site.asks(1)
    assert isinstance(answer, Snapshot)
    assert not answer.foreign
    assert answer.floor == 2


def test_a_snapshot_that_is_cut_short_raises_the_floor() -> None:
    answer = Site(most_in_snapshot=1).asks()
    assert len(answer.ended) == 1
    assert answer.floor == 2


def test_an_unknown_or_lapsed_registration_is_told_to_register() -> None:
    site = Site()
    assert isinstance(site.asks(1, registration="reg_unknown"), Unregistered)
    site.store.registry_transact(lambda registry: registry.mark_lapsed(site.number, site.clock.now))
    assert isinstance(site.asks(1), Unregistered)


def test_the_largest_lease_is_on_record_before_it_is_granted() -> None:
    site = Site()
    leases = []
    for seconds in (8, 1):
        lease = timedelta(seconds=seconds)
        site.store.transact(lambda tx, lease=lease: tx.log.set_parameters(lease=lease, token=lease, drift=0.1))
        site.asks(1)
        row = site.store.registry_view(lambda registry: registry.get(site.number))
        leases.append(row and row.lease_ms)
    assert leases == [8000, 8000]


def test_what_can_be_read_is_told_where_nothing_can_be_written_but_no_larger_lease_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site = Site()
    site.asks()
    told = site.asks(2)
    monkeypatch.setattr(MemoryStore, "write_registry", refused)
    answer = site.asks(3)
    assert isinstance(answer, Delta)
    assert answer.head == told.head
    assert site.acknowledged == 2, "a barrier waits for it"
    site.store.transact(
        lambda tx: tx.log.set_parameters(lease=timedelta(seconds=60), token=timedelta(minutes=10), drift=0.01)
    )
    with pytest.raises(StoreUnavailable):
        site.asks(3)


async def refused(*_: Any, **__: Any) -> Any:
    """As a store does whose disk is full."""
    raise StoreUnavailable


def test_a_goodbye_deletes_the_row() -> None:
    site = Site()
    asyncio.run(site.authority.goodbye(site.number))
    assert site.store.registry_view(lambda registry: registry.all()) == []


def test_a_registration_speaks_for_the_credential_it_was_given_to_and_for_no_other() -> None:
    site = Site()
    number = asyncio.run(site.authority.register("orders", None, "ses_of_orders"))
    assert isinstance(site.asks(3, registration=number, credential="ses_of_orders"), Delta)
    assert isinstance(site.asks(3, registration=number, credential="ses_of_another"), Unregistered)
    assert isinstance(site.asks(3, registration=number), Unregistered)
    assert isinstance(site.asks(3, credential="ses_of_orders"), Unregistered), "a process beside the store"
    asyncio.run(site.authority.goodbye(number, "ses_of_another"))
    asyncio.run(site.authority.goodbye(number))
    asyncio.run(site.authority.goodbye(site.number, "ses_of_orders"))
    assert isinstance(site.asks(3, registration=number, credential="ses_of_orders"), Delta)
    assert isinstance(site.asks(3), Delta)
    asyncio.run(site.authority.goodbye(number, "ses_of_orders"))
    assert isinstance(site.asks(3, registration=number, credential="ses_of_orders"), Unregistered)


def test_a_credential_has_only_so_many_registrations_and_those_beside_the_store_have_no_limit() -> None:
    site = Site(most_per_credential=2)
    for credential in ("ses_one", "ses_one", "ses_two", None, None, None):
        asyncio.run(site.authority.register("here", None, credential))
    with pytest.raises(AttemptsExceeded):
        asyncio.run(site.authority.register("here", None, "ses_one"))
    asyncio.run(site.authority.register("here", None, "ses_two"))


def test_many_are_answered_from_one_read_each_as_it_asked() -> None:
    site = Site()
    other = asyncio.run(site.authority.register("there", None))
    reads: list[str] = []
    store = site.store

    class Counting:
        def __getattr__(self, name: str) -> Any:
            reads.append(name)
            return getattr(store, name)

    head = store.view(lambda tx: tx.log.head())
    ids = [store.view(lambda tx, seq=seq: tx.log.event_id_at(seq)) for seq in range(1, 4)]  # type: ignore[misc]
    asked = [
        Question(registration=number, applied=Position(head.epoch, seq), event_id=ids[seq - 1])
        for number, seq in ((site.number, 1), (other, 3), ("reg_unknown", 3))
    ]
    authority = StoreAuthority(Counting(), lambda: site.clock.now)  # type: ignore[arg-type]
    one, two, three = asyncio.run(authority.sync_all(asked))
    assert [event.seq for event in one.events] == [2, 3]  # type: ignore[union-attr]
    assert two == Delta(head=head, events=())
    assert three == Unregistered()
    assert reads == ["read_registry", "read", "write_registry"]
    rows = store.registry_view(lambda registry: registry.among([site.number, other]))
    assert {row.number: row.acknowledged.seq for row in rows if row.acknowledged} == {site.number: 1, other: 3}


def test_who_needs_a_snapshot_of_a_long_log_holds_up_nobody_who_asks_beside_it() -> None:
    site = Site(most_at_once=2)
    head = site.store.view(lambda tx: tx.log.head())
    other = asyncio.run(site.authority.register("other", None))
    nothing = Question(registration=site.number)
    foreign = structs.replace(nothing, applied=Position(Epoch(0, "aaaa"), 1), event_id="evt_x")
    all_of_it = Question(registration=other, applied=head.position, event_id=head.event_id)
    asked = asyncio.run(site.authority.sync_all([nothing, all_of_it, foreign]))
    assert asked == [Late(head), Delta(head=head, events=()), Late(head, foreign=True)]
    told = asyncio.run(site.authority.sync(nothing))
    assert isinstance(told, Snapshot)
    assert (len(told.ended), told.foreign, told.age_ms) == (3, False, 0)
    assert asyncio.run(site.authority.sync(foreign)).foreign is True  # type: ignore[union-attr]
    assert asyncio.run(site.authority.sync(Question(registration="reg_unknown"))) == Unregistered()


def test_a_snapshot_that_began_before_the_question_is_too_old_for_a_lease() -> None:
    site = Site(most_at_once=2)
    may_end = asyncio.Event()

    class Slow:
        def __getattr__(self, name: str) -> Any:
            return getattr(site.store, name)

        async def read(self, work: Any, *, takes_long: bool = False, **how: Any) -> Any:
            if takes_long:
                await may_end.wait()
            return await site.store.read(work, **how)

    async def test() -> None:
        authority = StoreAuthority(Slow(), lambda: site.clock.now, most_at_once=2)  # type: ignore[arg-type]
        question = Question(registration=site.number)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(authority.sync(question), 0.01)
        may_end.set()
        told = await authority.sync(question)
        assert isinstance(told, Snapshot)
        assert told.age_ms == told.head.lease_ms

    asyncio.run(test())
