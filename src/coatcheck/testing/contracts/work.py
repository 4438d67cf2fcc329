"""Laws 2, 5 and 7: a unit of work is atomic, trouble is never absence."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from coatcheck.errors import DataConflict, StoreUnavailable
from coatcheck.model.event import SessionEnded
from coatcheck.model.session import Ending
from coatcheck.stores.port import Store, Transaction
from coatcheck.testing.contracts.driving import NOW, SECOND, Driving, a_key, a_registration, a_session, a_user

# ruff: noqa: S101 - assert is how a contract speaks


class _Interrupted(Exception):
    """Raised in the middle of a unit of work."""


class WorkContract(Driving):
    """Units of work."""

    def test_a_unit_of_work_returns_what_its_function_returns(self, store: Store) -> None:
        answer = object()
        assert self.write(store, lambda _: answer) is answer
        assert self.read(store, lambda _: answer) is answer
        assert self.write_registry(store, lambda _: answer) is answer
        assert self.read_registry(store, lambda _: answer) is answer

    def test_its_clock_is_that_of_a_machine_or_there_is_none(self, store: Store) -> None:
        there = asyncio.run(store.read_clock())
        assert there is None or abs(there - datetime.now(UTC)) < timedelta(minutes=5)

    def test_a_unit_of_work_sees_its_own_writes(self, store: Store) -> None:
        user = a_user()

        def work(tx: Transaction) -> None:
            tx.users.add(user)
            assert tx.users.get(user.id) == user

        self.write(store, work)

    def test_when_it_raises_nothing_has_happened(self, store: Store) -> None:
        ann, bob = a_user(name="Ann", roles=("a",)), a_user()
        session, other = a_session(ann.id), a_session(ann.id)
        key, head = a_key(), self.read(store, lambda tx: tx.log.head())

        def prepare(tx: Transaction) -> None:
            tx.users.add(ann)
            tx.users.add(bob)
            tx.sessions.add(session)
            tx.keys.add(key)
            tx.log.append(SessionEnded("ses_before"))
            tx.attempts.take("key", NOW, SECOND)

        def state(tx: Transaction) -> list[object]:
            return [
                tx.users.page(),
                tx.users.by_email_key(ann.email_key),
                tx.users.by_email_key("new@example.com"),
                tx.sessions.live_of(ann.id),
                tx.sessions.get(session.id),
                tx.keys.all(),
                tx.log.head(),
                tx.log.after(0, 10),
                tx.log.floor(),
                tx.attempts.peek("key", NOW),
                tx.audit.page(),
            ]

        def spoil(tx: Transaction) -> None:
            tx.users.save(a_user(id=ann.id, email_key="new@example.com", version=2), expected_version=1)
            tx.users.remove(bob.id)
            tx.users.add(a_user())
            tx.sessions.add(other)
            tx.sessions.save(a_session(ann.id, id=session.id, secret_digest=b"new", previous_digest=b"old"))
            tx.sessions.touch({session.id: NOW + SECOND})
            tx.sessions.end(session.id, NOW, Ending.LOGOUT)
            tx.sessions.purge(ended_before=NOW + SECOND, expired_before=NOW, limit=1)
            tx.keys.move(key.kid, expected=key.status, to=key.status, at=NOW + SECOND)
            tx.keys.add(a_key())
            tx.log.append(SessionEnded(session.id))
            tx.log.raise_everything()
            tx.log.begin_epoch(head.epoch.successor())
            tx.log.set_parameters(lease=SECOND, token=SECOND, drift=0.2)
            tx.log.forget(up_to=2)
            tx.attempts.take("key", NOW, SECOND)
            tx.attempts.take("other", NOW, SECOND)
            raise _Interrupted

        self.write(store, prepare)
        before = self.read(store, state)
        with pytest.raises(_Interrupted):
            self.write(store, spoil)
        assert self.read(store, state) == before
        assert self.read(store, lambda tx: tx.log.after(0, 10))[0].seq == head.seq + 1

    def test_the_store_goes_on_after_a_unit_of_work_that_raised(self, store: Store) -> None:
        user = a_user()

        def fail(tx: Transaction) -> None:
            tx.users.add(user)
            raise _Interrupted

        with pytest.raises(_Interrupted):
            self.write(store, fail)
        assert self.write(store, lambda tx: tx.users.add(user))

    def test_a_registry_write_that_raises_changes_nothing(self, store: Store) -> None:
        row = a_registration(self.read(store, lambda tx: tx.log.head()).position)

        def fail(registry: object) -> None:
            registry.add(row)  # type: ignore[attr-defined]
            raise _Interrupted

        with pytest.raises(_Interrupted):
            self.write_registry(store, fail)
        assert self.read_registry(store, lambda registry: registry.all()) == []

    def test_a_read_may_not_write(self, store: Store) -> None:
        user = a_user()
        with pytest.raises(StoreUnavailable):
            self.read(store, lambda tx: tx.users.add(user))
        assert self.read(store, lambda tx: tx.users.get(user.id)) is None

    def test_the_same_row_twice_is_a_conflict(self, store: Store) -> None:
        session = a_session("usr_x")
        self.write(store, lambda tx: tx.sessions.add(session))
        for again in (session, a_session("usr_y", secret_digest=session.secret_digest)):
            with pytest.raises(DataConflict):
                self.write(store, lambda tx, again=again: tx.sessions.add(again))  # type: ignore[misc]
        assert self.read(store, lambda tx: tx.sessions.get(session.id)) == session

    def test_racing_units_of_work_do_not_interleave(self, store: Store, twin: Store) -> None:
        user = a_user(name="")
        self.write(store, lambda tx: tx.users.add(user))

        def lengthen(tx: Transaction) -> bool:
            tx.users.lock(user.id)
            read = tx.users.get(user.id)
            assert read is not None
            longer = a_user(id=read.id, email_key=read.email_key, name=read.name + "x", version=read.version + 1)
            return tx.users.save(longer, expected_version=read.version)

        assert all(self.race([store, twin], [lengthen] * 20))
        changed = self.read(twin, lambda tx: tx.users.get(user.id))
        assert changed is not None
        assert (changed.name, changed.version) == ("x" * 20, 21)

    def test_a_cancelled_caller_leaves_the_store_whole(self, store: Store) -> None:
        users = [a_user() for _ in range(30)]

        async def give_up() -> None:
            tasks = [asyncio.create_task(store.write(lambda tx, user=user: tx.users.add(user))) for user in users]  # type: ignore[misc]
            await asyncio.sleep(0)
            for task in tasks[::2]:
                task.cancel()
            answers = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(answer is True for answer in answers[1::2])

        asyncio.run(give_up())
        there = self.read(store, lambda tx: [tx.users.get(user.id) for user in users])
        assert there[1::2] == users[1::2]
        assert self.write(store, lambda tx: tx.users.add(a_user()))

    def test_a_watcher_hears_of_a_change_of_the_log(self, store: Store, twin: Store) -> None:
        async def listen() -> None:
            heard = asyncio.Event()
            stop = store.watch(heard.set)
            await twin.write(lambda tx: tx.log.append(SessionEnded("ses_x")))
            await asyncio.wait_for(heard.wait(), 5)
            stop()
            stop()
            heard.clear()
            await twin.write(lambda tx: tx.log.append(SessionEnded("ses_y")))
            await asyncio.sleep(0.05)
            assert not heard.is_set()

        asyncio.run(listen())
