"""Every edge of ``tx.log`` but the snapshot (rules 1, 2, 14 and 17)."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from coatcheck.model.event import (
    EverythingEnded,
    Happening,
    KeyAdded,
    KeyRevoked,
    SessionEnded,
    SessionRenewed,
    UserChanged,
)
from coatcheck.stores.port import Committed, Store, Transaction
from coatcheck.testing.contracts.driving import Driving

# ruff: noqa: S101 - assert is how a contract speaks

_ALL: list[Happening] = [
    SessionEnded("ses_1"),
    SessionRenewed("ses_1", 2),
    UserChanged("usr_1", 2**53),
    KeyAdded("key_1", "ES256", "-----BEGIN PUBLIC KEY-----\n"),
    KeyAdded("key_2", "HS256", None),
    KeyRevoked("key_1"),
    EverythingEnded(2),
]


class LogContract(Driving):
    """The log and its head."""

    def test_a_new_log_is_an_empty_settled_first_epoch(self, store: Store) -> None:
        head = self.read(store, lambda tx: tx.log.head())
        assert (head.epoch.number, head.seq, head.event_id, head.awaited) == (1, 0, "", 0)
        assert (head.settled, head.everything_generation) == (True, 1)
        assert (head.lease_ms, head.token_ms, head.drift) == (5_000, 600_000, 0.1)
        assert self.read(store, lambda tx: tx.log.after(0, 10)) == []
        assert self.read(store, lambda tx: tx.log.floor()) == 0
        assert self.read(store, lambda tx: [tx.log.event_id_at(seq) for seq in (0, 1, -1)]) == [None] * 3

    def test_events_come_out_in_order_as_they_went_in(self, store: Store) -> None:
        events = self.append(store, *_ALL)
        assert [event.happening for event in events] == _ALL
        assert [event.seq for event in events] == [1, 2, 3, 4, 5, 6, 7]
        assert len({event.id for event in events}) == 7
        assert self.read(store, lambda tx: tx.log.after(0, 100)) == list(events)
        assert self.read(store, lambda tx: tx.log.after(2, 3)) == list(events[2:5])
        assert self.read(store, lambda tx: tx.log.after(7, 3)) == []
        assert self.read(store, lambda tx: tx.log.after(2**70, 3)) == []
        assert self.read(store, lambda tx: tx.log.event_id_at(4)) == events[3].id
        assert self.read(store, lambda tx: tx.log.event_id_at(8)) is None
        assert self.read(store, lambda tx: tx.log.event_id_at(2**70)) is None
        head = self.read(store, lambda tx: tx.log.head())
        assert (head.seq, head.event_id, head.awaited) == (7, events[-1].id, 0)

    def test_racing_writers_leave_no_gap(self, store: Store, twin: Store) -> None:
        def append_or_fail(tx: Transaction, number: int) -> None:
            tx.log.append(SessionEnded(f"ses_{number}_a"))
            tx.log.append(SessionEnded(f"ses_{number}_b"))
            if number % 3 == 0:
                raise LookupError

        async def race() -> list[Committed[None] | BaseException]:
            return await asyncio.gather(
                *(
                    (store, twin)[number % 2].commit(lambda tx, n=number: append_or_fail(tx, n))  # type: ignore[misc]
                    for number in range(40)
                ),
                return_exceptions=True,
            )

        done = asyncio.run(race())
        assert [type(each) for each in done[::3]] == [LookupError] * 14
        committed = [each for each in done if isinstance(each, Committed)]
        assert sorted(each.position.seq for each in committed) == list(range(2, 2 * 26 + 1, 2))
        events = self.read(twin, lambda tx: tx.log.after(0, 1_000))
        assert [event.seq for event in events] == list(range(1, 2 * 26 + 1))
        assert sorted((event for each in committed for event in each.events), key=lambda event: event.seq) == list(
            events
        )
        assert self.read(store, lambda tx: tx.log.head()).event_id == events[-1].id

    def test_awaited_is_raised_and_never_lowered(self, store: Store) -> None:
        def awaited(tx: Transaction) -> int:
            return tx.log.head().awaited

        self.append(store, *[SessionEnded("ses_x")] * 3)
        assert self.read(store, awaited) == 0
        self.append(store, SessionEnded("ses_y"), awaited=True)
        assert self.read(store, awaited) == 4
        self.append(store, SessionEnded("ses_z"))
        assert self.read(store, awaited) == 4
        assert self.append(store, awaited=True) == ()
        assert self.read(store, awaited) == 5

    def test_a_commit_tells_where_the_log_is_then(self, store: Store) -> None:
        def work(tx: Transaction) -> str:
            tx.log.append(SessionEnded("ses_x"))
            assert tx.log.head().seq == 0, "an event has its place when the unit of work is committed"
            return "done"

        committed = asyncio.run(store.commit(work))
        head = self.read(store, lambda tx: tx.log.head())
        assert (committed.result, committed.position) == ("done", head.position)
        assert [(event.seq, event.happening) for event in committed.events] == [(1, SessionEnded("ses_x"))]
        nothing = asyncio.run(store.commit(lambda _: None))
        assert (nothing.events, nothing.position) == ((), head.position)

    def test_everything_is_raised_by_one_each_time(self, store: Store, twin: Store) -> None:
        raised = self.race([store, twin], [lambda tx: tx.log.raise_everything() for _ in range(10)])
        assert sorted(raised) == list(range(2, 12))
        assert self.read(store, lambda tx: tx.log.head()).everything_generation == 11

    def test_parameters_live_in_the_head(self, store: Store) -> None:
        lease, token = timedelta(milliseconds=1_500), timedelta(minutes=3)
        self.write(store, lambda tx: tx.log.set_parameters(lease=lease, token=token, drift=0.07))
        head = self.read(store, lambda tx: tx.log.head())
        assert (head.lease_ms, head.token_ms, head.drift) == (1_500, 180_000, 0.07)

    def test_the_longest_lease_is_kept(self, store: Store) -> None:
        def longest_of(work: Callable[[Transaction], object]) -> int:
            self.write(store, work)
            return self.read(store, lambda tx: tx.log.head()).longest_lease_ms

        def lease(seconds: int) -> Callable[[Transaction], object]:
            token = timedelta(minutes=10)
            return lambda tx: tx.log.set_parameters(lease=timedelta(seconds=seconds), token=token, drift=0.1)

        assert self.read(store, lambda tx: tx.log.head()).longest_lease_ms == 5_000
        assert [longest_of(lease(seconds)) for seconds in (2, 60, 30)] == [5_000, 60_000, 60_000]
        assert longest_of(lambda tx: tx.log.allow_for(timedelta(seconds=20))) == 60_000
        assert longest_of(lambda tx: tx.log.allow_for(timedelta(seconds=90))) == 90_000
        assert self.read(store, lambda tx: tx.log.head()).lease_ms == 30_000

    def test_a_new_epoch_is_unsettled_until_somebody_settles_that_one(self, store: Store) -> None:
        self.write(store, lambda tx: tx.log.append(SessionEnded("ses_x")))
        before = self.read(store, lambda tx: tx.log.head())
        new = before.epoch.successor()
        self.write(store, lambda tx: tx.log.begin_epoch(new))
        head = self.read(store, lambda tx: tx.log.head())
        assert (head.epoch, head.seq, head.event_id, head.settled) == (new, 1, before.event_id, False)
        assert not self.write(store, lambda tx: tx.log.settle(before.epoch))
        assert not self.read(store, lambda tx: tx.log.head()).settled
        assert self.write(store, lambda tx: tx.log.settle(new))
        assert self.read(store, lambda tx: tx.log.head()).settled
        assert len(self.read(store, lambda tx: tx.log.after(0, 10))) == 1

    def test_forgetting_raises_the_floor_and_keeps_the_head(self, store: Store) -> None:
        events = self.append(store, *(SessionEnded(f"ses_{n}") for n in range(5)))

        def forget(up_to: int) -> tuple[int, int]:
            return self.write(store, lambda tx: (tx.log.forget(up_to=up_to), tx.log.floor()))

        assert forget(0) == (0, 0)
        assert forget(2) == (2, 2)
        assert forget(1) == (0, 2)
        assert self.read(store, lambda tx: [tx.log.event_id_at(seq) for seq in (2, 3)]) == [None, events[2].id]
        assert self.read(store, lambda tx: tx.log.after(2, 10)) == list(events[2:])
        assert forget(99) == (3, 5)
        head = self.read(store, lambda tx: tx.log.head())
        assert (head.seq, head.event_id) == (5, events[-1].id)
        assert self.append(store, SessionEnded("ses_next"))[0].seq == 6
