"""What nobody asks about any more is cleared away, in batches between which logins come in."""

import asyncio
import time
from datetime import timedelta
from pathlib import Path

import pytest

from coatcheck.auth import Auth
from coatcheck.model.audit import AuditEntry
from coatcheck.model.event import SessionEnded
from coatcheck.model.identifiers import SESSION, new_identifier
from coatcheck.settings import AuditSettings, Settings
from coatcheck.stores.memory.store import MemoryStore
from coatcheck.stores.port import Transaction
from coatcheck.testing import ManualClock, fast_passwords
from coatcheck.upkeep.purge import BATCH, purge

pytestmark = pytest.mark.anyio

KEEP_FOR = timedelta(days=30)


def entries(clock: ManualClock, count: int, age: timedelta) -> list[AuditEntry]:
    return [AuditEntry(at=clock.now - age, kind="login.succeeded") for _ in range(count)]


def add_all(tx: Transaction, some: list[AuditEntry]) -> None:
    for entry in some:
        tx.audit.add(entry)


async def test_only_old_entries_go_a_batch_at_a_time():
    clock, store = ManualClock(), MemoryStore()
    old, new = entries(clock, BATCH + 20, KEEP_FOR * 2), entries(clock, 30, KEEP_FOR / 2)
    store.transact(lambda tx: add_all(tx, old + new))
    assert await purge(store, clock.now, keep_audit_for=KEEP_FOR) == BATCH
    assert await purge(store, clock.now, keep_audit_for=KEEP_FOR) == 20
    assert await purge(store, clock.now, keep_audit_for=KEEP_FOR) == 0
    assert store.view(lambda tx: tx.audit.follow(limit=100)) == new


async def test_without_an_age_no_entry_goes():
    clock, store = ManualClock(), MemoryStore()
    store.transact(lambda tx: add_all(tx, entries(clock, 5, KEEP_FOR * 100)))
    assert await purge(store, clock.now) == 0
    assert len(store.view(lambda tx: tx.audit.page())) == 5


async def test_the_log_keeps_its_newest_events():
    clock, store = ManualClock(), MemoryStore()
    for _ in range(30):
        store.transact(lambda tx: tx.log.append(SessionEnded(new_identifier(SESSION))))
    newest = store.view(lambda tx: tx.log.head().seq)
    assert await purge(store, clock.now, keep_events=10) == 20
    assert await purge(store, clock.now, keep_events=10) == 0
    assert store.view(lambda tx: tx.log.floor()) == newest - 10
    assert len(store.view(lambda tx: tx.log.after(newest - 10, 100))) == 10


async def test_a_server_clears_its_trail_and_answers_logins_meanwhile(tmp_path: Path):
    """Ten thousand entries go while people log in: no login waits for more than a batch."""
    clock = ManualClock()
    settings = Settings(
        database=f"sqlite:///{tmp_path}/app.db", passwords=fast_passwords(), audit=AuditSettings(keep_for=KEEP_FOR)
    )
    async with Auth(settings, clock=clock) as auth:
        await auth.store.write(lambda tx: add_all(tx, entries(clock, 10_000, timedelta(0))))
        clock.advance(KEEP_FOR * 2)
        await auth.register("ann@example.com", "three quiet herons wade")
        clearing, waited = asyncio.create_task(auth._running._purge()), list[float]()  # what a loop does every minute
        while not clearing.done():
            began = time.monotonic()
            await auth.login("ann@example.com", "three quiet herons wade")
            waited.append(time.monotonic() - began)
        await clearing
        assert len(waited) >= 5, "nobody came in between"
        left = await auth.audit(limit=1_000)
        assert {entry.kind for entry in left} >= {"user.registered", "login.succeeded"}
        assert all(clock.now - entry.at < KEEP_FOR for entry in left)
