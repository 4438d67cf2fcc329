"""The loop that keeps a replica current (rules 3 to 7 and 10)."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest
from msgspec import structs

from coatcheck.authority import Answer, Delta, News, Question
from coatcheck.clock import SystemClock
from coatcheck.errors import StoreUnavailable
from coatcheck.model.event import Event, KeyAdded, SessionEnded, new_event_id
from coatcheck.model.identifiers import new_identifier, random_part
from coatcheck.revocation.credential import Credential
from coatcheck.revocation.lease import Lease
from coatcheck.revocation.replica import Replica, Verdict
from coatcheck.revocation.subscriber import Subscriber
from coatcheck.stores.authority import StoreAuthority
from coatcheck.stores.memory.store import MemoryStore
from coatcheck.testing import ManualClock
from coatcheck.upkeep.follow import Follower


class Counting(StoreAuthority):
    """The store's authority; counts syncs, can be taken away, and be wrong as after a mistake of ours."""

    syncs = 0
    is_reachable = True
    is_behind = False
    is_wrong = False
    synced: asyncio.Event | None = None

    async def sync(self, question: Question) -> Answer:
        if not self.is_reachable:
            raise StoreUnavailable
        self.syncs += 1
        if self.synced is not None:
            self.synced.set()
        if self.is_wrong:
            raise ValueError("not enough values to unpack")
        answer = await super().sync(question)
        if self.is_behind and isinstance(answer, Delta):
            return structs.replace(answer, head=structs.replace(answer.head, seq=answer.head.seq - 1))
        return answer


class Site:
    """A store and one follower of its log."""

    def __init__(self, most_events: int = 1000) -> None:
        self.store, self.clock = MemoryStore(), SystemClock()
        self.authority = Counting(self.store, lambda: ManualClock().now, most_events=most_events)
        self.subscriber = Subscriber(Replica(1000), Lease())
        self.follower = Follower(
            self.subscriber, self.authority, self.clock, name="here", accept_ms=None, interval=60.0
        )

    @property
    def is_trusted(self) -> bool:
        return self.subscriber.lease.holds(self.clock.steady(), self.clock.wall())

    async def sees_a_sync_after(self, hint: Callable[[], None]) -> None:
        """Give the hint, and wait for what the follower does about it."""
        self.authority.synced = asyncio.Event()
        hint()
        async with asyncio.timeout(5):
            await self.authority.synced.wait()

    def end_a_session(self, *, awaited: bool = False) -> None:
        happening = SessionEnded(new_identifier("ses"))
        self.store.transact_and_tell(lambda tx: tx.log.append(happening), awaited=awaited)

    def refuses(self, session_id: str) -> bool:
        replica = self.subscriber.replica
        assert replica.position is not None
        credential = Credential(
            session=random_part(session_id),
            user=random_part(new_identifier("usr")),
            generation=1,
            version=1,
            everything=1,
            stamp=replica.position,
        )
        return replica.test(credential) is Verdict.SESSION_ENDED

    def rows(self) -> Any:
        return self.store.registry_view(lambda registry: registry.all())


def following(test: Callable[[Site], Coroutine[Any, Any, None]], **how: Any) -> None:
    async def run() -> None:
        await test(Site(**how))

    asyncio.run(run())


def test_starting_registers_and_takes_a_lease_and_stopping_says_goodbye() -> None:
    async def test(site: Site) -> None:
        await site.follower.start()
        assert site.is_trusted
        assert [row.name for row in site.rows()] == ["here"]
        await site.follower.stop()
        assert not site.is_trusted
        assert site.rows() == []

    following(test)


def test_starting_without_a_store_starts_without_trust() -> None:
    async def test(site: Site) -> None:
        site.authority.is_reachable = False
        await site.follower.start()
        assert not site.is_trusted
        assert site.follower.failures == 1
        await site.follower.stop()

    following(test)


def test_after_the_goodbye_nothing_registers_anew() -> None:
    async def test(site: Site) -> None:
        await site.follower.start()
        await site.follower.stop()
        assert await site.follower.sync() is False
        assert site.rows() == []
        assert not site.is_trusted

    following(test)


def test_a_registration_that_is_answered_after_the_goodbye_is_given_up() -> None:
    class Slow(Counting):
        def __init__(self, store: MemoryStore) -> None:
            super().__init__(store, lambda: ManualClock().now)
            self.answers = asyncio.Event()

        async def register(self, name: str, accept_ms: int | None, credential: str | None = None) -> str:
            number = await super().register(name, accept_ms, credential)
            await self.answers.wait()
            return number

    async def test(site: Site) -> None:
        authority = Slow(site.store)
        follower = Follower(site.subscriber, authority, site.clock, name="here", accept_ms=None, interval=60.0)
        syncs = [asyncio.create_task(follower.sync()), asyncio.create_task(follower.sync(hold=True))]
        while not site.rows():  # noqa: ASYNC110 - until it is under way
            await asyncio.sleep(0.001)
        await follower.stop()
        authority.answers.set()
        assert await asyncio.gather(*syncs) == [False, False]
        assert site.rows() == []
        assert site.subscriber.registration is None
        assert not site.is_trusted

    following(test)


def test_who_stops_while_his_registration_is_answered_leaves_no_row() -> None:
    class Answering(Counting):
        committed: asyncio.Event
        answers: asyncio.Event

        async def register(self, name: str, accept_ms: int | None, credential: str | None = None) -> str:
            number = await super().register(name, accept_ms, credential)
            self.committed.set()
            await self.answers.wait()
            return number

    async def test(site: Site) -> None:
        authority = Answering(site.store, lambda: ManualClock().now)
        authority.committed, authority.answers = asyncio.Event(), asyncio.Event()
        authority.answers.set()
        follower = Follower(site.subscriber, authority, site.clock, name="here", accept_ms=None, interval=60.0)
        await follower.start()
        (row,) = site.rows()
        site.store.registry_transact(lambda registry: registry.remove([row.number]))
        authority.committed.clear()
        authority.answers.clear()
        follower.ring()  # the loop registers anew
        await authority.committed.wait()
        stopping = asyncio.create_task(follower.stop())
        await asyncio.sleep(0)
        authority.answers.set()
        await stopping
        assert site.rows() == []
        assert not site.is_trusted

    following(test)


def test_a_registration_that_is_never_answered_does_not_keep_a_goodbye() -> None:
    class Silent(Counting):
        asked: asyncio.Event

        async def register(self, name: str, accept_ms: int | None, credential: str | None = None) -> str:
            if self.syncs == 0:
                return await super().register(name, accept_ms, credential)
            self.asked.set()
            await asyncio.Event().wait()
            raise AssertionError

    async def test(site: Site) -> None:
        authority = Silent(site.store, lambda: ManualClock().now)
        authority.asked = asyncio.Event()
        follower = Follower(site.subscriber, authority, site.clock, name="here", accept_ms=None, interval=600.0)
        await follower.start()
        (row,) = site.rows()
        site.store.registry_transact(lambda registry: registry.remove([row.number]))
        follower.ring()
        await authority.asked.wait()
        async with asyncio.timeout(60):
            await follower.stop()
        assert not site.is_trusted

    following(test)


def test_a_long_way_behind_is_caught_up_in_one_go() -> None:
    async def test(site: Site) -> None:
        await site.follower.sync()
        for _ in range(7):
            site.end_a_session()
        assert await site.follower.sync()
        assert site.subscriber.replica.position == site.store.view(lambda tx: tx.log.head()).position

    following(test, most_events=2)


def test_somebody_who_waits_is_answered_within_one_sync() -> None:
    async def test(site: Site) -> None:
        await site.follower.sync()
        site.end_a_session(awaited=True)
        await site.follower.sync()
        (row,) = site.rows()
        assert row.acknowledged == site.store.view(lambda tx: tx.log.head()).position

    following(test)


def test_a_lapsed_registration_is_replaced_at_once() -> None:
    async def test(site: Site) -> None:
        await site.follower.sync()
        (old,) = site.rows()
        site.store.registry_transact(lambda registry: registry.mark_lapsed(old.number, ManualClock().now))
        assert await site.follower.sync()
        assert site.subscriber.registration != old.number
        assert site.is_trusted

    following(test)


def test_ringing_syncs_soon() -> None:
    async def test(site: Site) -> None:
        await site.follower.start()
        await site.sees_a_sync_after(site.follower.ring)
        await site.follower.stop()

    following(test)


def told_of(site: Site, *ended: str, is_urgent: bool = False) -> News:
    """What a store may say by the way when somebody has ended these."""
    position = site.subscriber.replica.position
    assert position is not None
    events = [Event(position.seq + at, new_event_id(), SessionEnded(each)) for at, each in enumerate(ended, 1)]
    return News(position.epoch, tuple(events), is_urgent)


def test_what_the_store_tells_is_refused_at_once_without_asking() -> None:
    async def test(site: Site) -> None:
        await site.follower.start()
        asked, ended = site.authority.syncs, new_identifier("ses")
        site.follower.heed(told_of(site, ended))
        assert site.refuses(ended)
        await asyncio.sleep(0.1)
        assert site.authority.syncs == asked
        await site.follower.stop()

    following(test)


def test_what_somebody_waits_for_is_asked_for_at_once_too() -> None:
    async def test(site: Site) -> None:
        await site.follower.start()
        news = told_of(site, new_identifier("ses"), is_urgent=True)
        await site.sees_a_sync_after(lambda: site.follower.heed(news))
        await site.follower.stop()

    following(test)


@pytest.mark.parametrize("order", ["before", "after", "not at all", "our own"])
def test_a_hint_from_elsewhere_is_followed_unless_the_store_gives_it_too(order: str) -> None:
    async def test(site: Site) -> None:
        await site.follower.start()
        if order == "our own":  # what this process did itself says nothing of what another one did
            site.follower.ring()
            await asyncio.sleep(0.01)
        asked = site.authority.syncs
        if order == "before":
            site.follower.heed(told_of(site, new_identifier("ses")))
        site.follower.ring_unless_told()
        if order == "after":
            site.follower.heed(told_of(site, new_identifier("ses")))
        await asyncio.sleep(0.3)
        assert site.authority.syncs - asked == (order in ("not at all", "our own"))
        await site.follower.stop()

    following(test)


def test_a_fault_of_ours_does_not_end_the_loop(caplog: pytest.LogCaptureFixture) -> None:
    async def test(site: Site) -> None:
        await site.follower.start()
        site.authority.is_wrong = True
        for failures in (1, 2):
            await site.sees_a_sync_after(site.follower.ring)
            assert site.follower.failures == failures
        site.authority.is_wrong = False
        await site.sees_a_sync_after(site.follower.ring)
        await site.follower.stop()

    following(test)
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    assert "it will be tried again" in caplog.text
    assert "followed again" in caplog.text


def test_many_unknown_keys_cost_one_sync_and_share_its_outcome() -> None:
    async def test(site: Site) -> None:
        learned = await asyncio.gather(*(site.follower.learn_keys() for _ in range(50)))
        assert learned == [True] * 50
        assert await site.follower.learn_keys()
        assert site.authority.syncs == 1

    following(test)


def test_a_key_that_was_made_after_the_last_sync_for_one_is_learned_where_leases_are_short() -> None:
    async def test(site: Site) -> None:
        site.store.transact(
            lambda tx: tx.log.set_parameters(lease=timedelta(milliseconds=50), token=timedelta(minutes=1), drift=0.1)
        )
        assert await site.follower.learn_keys()
        site.store.transact_and_tell(lambda tx: tx.log.append(KeyAdded("key_x", "ES256", "a key")))
        await asyncio.sleep(0.06)
        assert await site.follower.learn_keys()
        assert "key_x" in site.subscriber.replica.keys

    following(test)


def test_keys_that_cannot_be_learned_are_not_learned() -> None:
    async def test(site: Site) -> None:
        site.authority.is_reachable = False
        assert await site.follower.learn_keys() is False

    following(test)


def test_a_store_that_is_away_is_told_once_and_so_is_its_return(caplog: pytest.LogCaptureFixture) -> None:
    async def test(site: Site) -> None:
        site.authority.is_reachable = False
        for _ in range(3):
            assert not await site.follower.sync()
        site.authority.is_reachable = True
        for _ in range(3):
            assert await site.follower.sync()

    following(test)
    lost, found = caplog.records
    assert "can't be followed" in lost.getMessage()
    assert StoreUnavailable().message in lost.getMessage()
    assert "followed again" in found.getMessage()
    assert {record.name for record in caplog.records} == {"coatcheck"}


def test_a_history_that_is_another_is_told_as_an_error_with_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    async def test(site: Site) -> None:
        await site.follower.sync()
        head = site.store.view(lambda tx: tx.log.head())
        site.store.transact(lambda tx: tx.log.begin_epoch(head.epoch.successor()))
        for _ in range(3):
            assert await site.follower.sync()
        assert site.subscriber.alarms == 1

    following(test)
    (alarm,) = caplog.records
    assert (alarm.name, alarm.levelname) == ("coatcheck", "ERROR")
    assert "coatcheck schema restored" in alarm.getMessage()


def test_a_store_that_is_behind_is_told_once_and_grants_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def test(site: Site) -> None:
        site.end_a_session()
        await site.follower.sync()
        site.authority.is_behind = True
        for _ in range(3):
            assert not await site.follower.sync()

    following(test)
    (told,) = caplog.records
    assert "behind what was known" in told.getMessage()


def test_an_answer_that_another_has_overtaken_is_asked_for_again_and_says_nothing_of_a_backup(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Late(Counting):
        """Keeps the first answer that may be held until it is let go."""

        arrived: asyncio.Event
        goes: asyncio.Event

        async def sync(self, question: Question) -> Answer:
            answer = await super().sync(question)
            if question.wait_ms and not self.arrived.is_set():
                self.arrived.set()
                await self.goes.wait()
            return answer

    async def test(site: Site) -> None:
        authority = Late(site.store, lambda: ManualClock().now)
        authority.arrived, authority.goes = asyncio.Event(), asyncio.Event()
        follower = Follower(site.subscriber, authority, site.clock, name="x", accept_ms=None, interval=60.0, holds=True)
        await follower.sync()
        held = asyncio.create_task(follower.sync(hold=True))
        await authority.arrived.wait()
        site.end_a_session()
        assert await follower.learn_keys()
        known = site.subscriber.replica.position
        authority.goes.set()
        assert await held
        assert site.subscriber.replica.position == known
        assert authority.syncs == 4

    following(test)
    assert not caplog.records


class Holding(Counting):
    """An authority elsewhere: holds an answer until the log has moved on, or ``wait_ms`` is over."""

    held = 0
    is_hasty = False

    async def sync(self, question: Question) -> Answer:
        answer = await super().sync(question)
        until = asyncio.get_running_loop().time() + question.wait_ms / 1000
        self.held += question.wait_ms > 0
        while (
            not self.is_hasty
            and isinstance(answer, Delta)
            and answer.head.position == question.applied
            and asyncio.get_running_loop().time() < until
        ):
            await asyncio.sleep(0.005)
            answer = await StoreAuthority.sync(self, question)
        return answer


class HeldSite(Site):
    """A store elsewhere, and one follower of its log."""

    def __init__(self) -> None:
        super().__init__()
        self.authority = Holding(self.store, lambda: ManualClock().now)
        self.follower = Follower(
            self.subscriber, self.authority, self.clock, name="there", accept_ms=None, interval=10.0, holds=True
        )


def held(test: Callable[[HeldSite], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(_run_held(test), 60))


async def _run_held(test: Callable[[HeldSite], Coroutine[Any, Any, None]]) -> None:
    site = HeldSite()
    await site.follower.start()
    try:
        await test(site)
    finally:
        await site.follower.stop()


def test_a_held_question_brings_news_at_once_and_is_asked_again_at_once() -> None:
    async def test(site: HeldSite) -> None:
        while site.authority.held == 0:  # noqa: ASYNC110 - until the first one is held
            await asyncio.sleep(0.005)
        for turn in range(1, 4):
            site.end_a_session()
            began = site.clock.steady()
            while len(site.subscriber.replica) < turn:  # noqa: ASYNC110 - until it was told
                await asyncio.sleep(0.002)
            assert site.clock.steady() - began < 5

    held(test)


def test_the_first_question_after_the_start_is_held_at_once() -> None:
    async def test(site: HeldSite) -> None:
        began = site.clock.steady()
        while site.authority.held == 0:  # noqa: ASYNC110 - until it is
            await asyncio.sleep(0.005)
        assert site.clock.steady() - began < 5

    held(test)


def test_an_answer_that_is_not_held_and_brings_nothing_is_not_asked_for_in_haste() -> None:
    async def test(site: HeldSite) -> None:
        site.authority.is_hasty = True
        await asyncio.sleep(1.0)
        assert site.authority.syncs <= 4

    held(test)


def test_an_unknown_key_does_not_wait_for_a_held_question() -> None:
    async def test(site: HeldSite) -> None:
        while site.authority.held == 0:  # noqa: ASYNC110 - until the first one is held
            await asyncio.sleep(0.005)
        began = site.clock.steady()
        assert await site.follower.learn_keys()
        assert site.clock.steady() - began < 5

    held(test)


def test_two_questions_at_once_register_only_once() -> None:
    async def test(site: HeldSite) -> None:
        for row in site.rows():
            site.store.registry_transact(lambda registry, row=row: registry.remove([row.number]))  # type: ignore[misc]
        await asyncio.gather(site.follower.sync(), site.follower.sync(hold=True))
        assert len(site.rows()) == 1

    held(test)
