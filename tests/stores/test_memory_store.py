"""What is the memory store's own: its synchronous heart, and watchers on any loop."""

import asyncio
import threading

import pytest

from coatcheck.errors import StoreUnavailable
from coatcheck.model.event import SessionEnded
from coatcheck.stores.memory import MemoryStore
from coatcheck.testing.contracts.driving import a_registration, a_user


def test_it_works_without_a_loop():
    store, user = MemoryStore(), a_user()
    assert store.transact(lambda tx: tx.users.add(user))
    assert store.view(lambda tx: tx.users.get(user.id)) == user
    row = a_registration(store.view(lambda tx: tx.log.head()).position)
    store.registry_transact(lambda registry: registry.add(row))
    assert store.registry_view(lambda registry: registry.all()) == [row]
    with pytest.raises(StoreUnavailable):
        store.registry_view(lambda registry: registry.remove([row.number]))
    assert store.registry_view(lambda registry: registry.all()) == [row]


def test_two_stores_share_nothing():
    first, second = MemoryStore(), MemoryStore()
    first.transact(lambda tx: tx.users.add(a_user()))
    assert second.view(lambda tx: tx.users.page()) == []
    epochs = {store.view(lambda tx: tx.log.head()).epoch for store in (first, second)}
    assert len(epochs) == 2


def test_threads_take_turns():
    store = MemoryStore()

    def append():
        for _ in range(200):
            store.transact(lambda tx: tx.log.append(SessionEnded(f"ses_{tx.log.head().seq}")))

    threads = [threading.Thread(target=append) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = store.view(lambda tx: tx.log.after(0, 10_000))
    assert [event.happening.session_id for event in events] == [f"ses_{n}" for n in range(800)]


def test_a_watcher_whose_loop_is_closed_is_no_trouble():
    store = MemoryStore()

    async def watch():
        store.watch(lambda: None)

    asyncio.run(watch())
    assert store.transact_and_tell(lambda tx: tx.log.append(SessionEnded("ses_x"))).position.seq == 1
