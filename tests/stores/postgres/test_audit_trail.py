"""Whoever follows the audit trail misses no entry, although numbers are given before they are committed."""

import asyncio
import threading
from datetime import timedelta

import pytest

from coatcheck.model.audit import AuditEntry
from coatcheck.stores.postgres import latecomers
from coatcheck.testing.contracts.driving import NOW
from tests.stores.postgres.side_by_side import two_sides


@pytest.fixture
def store(postgres_store):
    return postgres_store


def entry(kind):
    return AuditEntry(at=NOW, kind=kind)


def follow(store, after=None):
    return asyncio.run(store.read(lambda tx: tx.audit.follow(after=after), needs_snapshot=False))


def test_an_entry_that_is_committed_later_than_a_higher_one_is_not_missed(store, postgres_url):
    with two_sides(postgres_url) as (first, second):
        second.do(lambda tx: tx.users.lock("usr_x"))
        second.do(lambda tx: tx.attempts.take("key", NOW, timedelta(hours=1)))  # it is the older transaction
        first.do(lambda tx: tx.audit.add(entry("slow")))
        second.do(lambda tx: tx.audit.add(entry("quick")))
        second.commit()
        threading.Timer(0.2, first.commit).start()
        seen = follow(store)
        seen += follow(store, after=seen[-1].id) if seen else follow(store)
        assert [each.kind for each in seen] == ["slow", "quick"]


def test_who_does_not_come_to_an_end_holds_up_the_trail_and_not_the_asker(store, postgres_url, monkeypatch):
    monkeypatch.setattr(latecomers, "_PATIENCE", 0.05)
    asyncio.run(store.write(lambda tx: tx.audit.add(entry("before"))))
    with two_sides(postgres_url) as (first, _):
        first.do(lambda tx: tx.audit.add(entry("slow")))
        assert follow(store) == []
    assert [each.kind for each in follow(store)] == ["before"]


def test_followed_under_load_nothing_is_missed_and_nothing_comes_twice(store):
    async def both():
        seen = []

        async def write(number):
            for turn in range(40):
                await store.write(lambda tx, kind=f"{number}.{turn}": tx.audit.add(entry(kind)))

        async def read():
            while len(seen) < 160:
                after = seen[-1].id if seen else None
                seen.extend(
                    await store.read(
                        lambda tx, after=after: tx.audit.follow(after=after, limit=7), needs_snapshot=False
                    )
                )

        await asyncio.wait_for(asyncio.gather(read(), *(write(number) for number in range(4))), 30)
        return seen

    seen = asyncio.run(both())
    assert len({each.kind for each in seen}) == len(seen) == 160


def test_whoever_writes_the_trail_does_not_wait_for_itself(store, monkeypatch):
    monkeypatch.setattr(latecomers, "_PATIENCE", 0.05)

    def work(tx):
        tx.audit.add(entry("own"))
        return [each.kind for each in tx.audit.follow()]

    assert asyncio.run(store.write(work)) == ["own"]
