"""What is SQLite's own: one statement for a look-up, checkpoints, durability, what a write costs in files."""

import asyncio
import sqlite3
import threading

import pytest
from sqlalchemy import event

from coatcheck.authority import LookUp, Question
from coatcheck.model.event import SessionEnded
from coatcheck.stores.authority import StoreAuthority
from coatcheck.stores.sqlite.connect import WAL_LIMIT, driver
from coatcheck.testing.contracts.driving import NOW, SECOND, a_key, a_session, a_user


def _watched(connection, work):
    """Run ``work`` and return the statements that went to the database, with their parameters."""
    seen = []

    def listen(conn, cursor, statement, parameters, context, executemany):
        seen.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", listen)
    try:
        work()
    finally:
        event.remove(connection, "before_cursor_execute", listen)
    return seen


@pytest.mark.parametrize(
    "asked",
    [
        LookUp(digest=b"digest"),
        LookUp(session_id="ses_x"),
        LookUp(session_id="ses_x", kid="key_x"),
        LookUp(digest=b"digest", kid="key_x"),
    ],
)
def test_a_look_up_is_one_statement_that_scans_no_table_but_the_head(store, asked):
    def work(tx):
        raw, statements = driver(tx.sessions._connection), []
        raw.set_trace_callback(statements.append)
        tx.sessions.look_up(asked)
        raw.set_trace_callback(None)
        assert len(statements) == 1
        return [row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {statements[0]}")]

    plan = asyncio.run(store.read(work))
    assert [step for step in plan if step.startswith("SCAN")] == ["SCAN coatcheck_head"]


def test_asking_for_a_users_live_sessions_or_for_administrators_scans_nothing_large(store):
    def work(tx):
        connection = tx.users._connection
        statements = _watched(connection, lambda: (tx.sessions.live_of("usr_x"), tx.users.count_with_role("admin")))
        plans = [driver(connection).execute(f"EXPLAIN QUERY PLAN {sql}", values) for sql, values in statements]
        return [row[3] for plan in plans for row in plan]

    plan = asyncio.run(store.read(work))
    assert any("coatcheck_sessions_live" in step for step in plan)
    assert any("coatcheck_users_with_roles" in step for step in plan)


class Watched:
    """The store; whoever writes its registry is noticed first."""

    def __init__(self, store, note):
        self._store = store
        self._note = note

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def write_registry(self, work, *, durable=True):
        def both(registry):
            self._note(registry)
            return work(registry)

        return await self._store.write_registry(both, durable=durable)


def _pragma(store, name, *, write):
    async def ask():
        run = store.write if write else store.read
        return await run(lambda tx: driver(tx.users._connection).execute(f"PRAGMA {name}").fetchone()[0])

    return asyncio.run(ask())


@pytest.mark.parametrize("write", [True, False])
def test_every_connection_is_set_up(store, write):
    settings = {
        name: _pragma(store, name, write=write)
        for name in ("journal_mode", "wal_autocheckpoint", "foreign_keys", "trusted_schema", "mmap_size", "query_only")
    }
    assert settings == {
        "journal_mode": "wal",
        "wal_autocheckpoint": 0,
        "foreign_keys": 1,
        "trusted_schema": 0,
        "mmap_size": 0,
        "query_only": int(not write),
    }


def test_a_commit_is_forced_to_the_disk_unless_it_may_be_lost(store):
    async def ask(durable):
        return await store.write(
            lambda tx: driver(tx.users._connection).execute("PRAGMA synchronous").fetchone()[0], durable=durable
        )

    full, normal = 2, 1
    assert [asyncio.run(ask(durable)) for durable in (True, False, False, True)] == [full, normal, normal, full]


def test_who_subscribes_is_forced_to_the_disk_and_what_they_acknowledge_is_not(store):
    """Services elsewhere outlive a power loss here: were one forgotten, a barrier would not wait for its lease."""
    asked = []

    def note(registry):
        asked.append(driver(registry._connection).execute("PRAGMA synchronous").fetchone()[0])

    async def follow():
        watched = Watched(store, note)
        await watched.write(lambda tx: tx.log.append(SessionEnded("ses_x")))
        authority = StoreAuthority(watched, lambda: NOW)
        number = await authority.register("a service", None)
        snapshot = await authority.sync(Question(registration=number))
        head = snapshot.head
        acknowledging = Question(registration=number, applied=head.position, event_id=head.event_id)
        await authority.sync(acknowledging)
        await watched.write(lambda tx: tx.log.set_parameters(lease=60 * SECOND, token=600 * SECOND, drift=head.drift))
        await authority.sync(acknowledging)
        await authority.goodbye(number)

    asyncio.run(follow())
    full, normal = 2, 1
    assert asked == [full, normal, full, full], "register, acknowledge, a longer lease, goodbye"


def test_the_write_ahead_log_does_not_grow_for_ever(store, path):
    wal = path.with_name("coatcheck.db-wal")
    sizes = []

    async def write_much():
        for _ in range(60):
            await store.write(lambda tx: [tx.users.add(a_user(name="x" * 4_000)) for _ in range(60)])
            sizes.append(wal.stat().st_size)

    asyncio.run(write_much())
    assert max(sizes) > WAL_LIMIT
    assert max(sizes) < 1.5 * WAL_LIMIT
    with sqlite3.connect(path) as raw:
        assert raw.execute("SELECT count(*) FROM coatcheck_users").fetchone() == (3_600,)
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    raw.close()


def test_a_reader_in_an_old_snapshot_delays_the_checkpoint_and_sees_what_it_saw(store, path):
    begun, finish = threading.Event(), threading.Event()

    def linger(tx):
        first = tx.log.head()
        begun.set()
        assert finish.wait(30)
        return first, tx.log.head(), len(tx.users.page(limit=1_000_000))

    async def use():
        reading = asyncio.create_task(store.read(linger))
        await asyncio.to_thread(begun.wait, 5)
        for _ in range(40):
            await store.write(lambda tx: [tx.users.add(a_user(name="x" * 4_000)) for _ in range(40)])
            await store.write(lambda tx: tx.log.append(SessionEnded("ses_x")))
        finish.set()
        before, after, users = await reading
        assert (before.seq, after.seq, users) == (0, 0, 0)
        assert (await store.read(lambda tx: tx.log.head())).seq == 40
        for _ in range(3):
            await store.write(lambda tx: tx.users.add(a_user(name="x" * 1_500_000)))
        return path.with_name("coatcheck.db-wal").stat().st_size

    assert asyncio.run(use()) < 2.5 * WAL_LIMIT


def test_a_naive_instant_is_refused(store):
    naive = NOW.replace(tzinfo=None)
    with pytest.raises(TypeError):
        asyncio.run(store.write(lambda tx: tx.users.add(a_user(created_at=naive))))


def test_a_number_or_text_that_no_column_holds_is_the_callers_error(store):
    for record in (a_user(version=2**64), a_user(name="\ud800"), a_user(data={"a": object()})):
        with pytest.raises((OverflowError, UnicodeEncodeError, TypeError)):
            asyncio.run(store.write(lambda tx, record=record: tx.users.add(record)))
    assert asyncio.run(store.write(lambda tx: tx.users.add(a_user())))


def test_secrets_are_kept_as_they_were_handed_in_and_nowhere_else(store, path):
    asyncio.run(store.write(lambda tx: tx.sessions.add(a_session("usr_x", secret_digest=b"only-a-digest"))))
    asyncio.run(store.write(lambda tx: tx.keys.add(a_key(sealed_private_key=b"only-sealed"))))
    asyncio.run(store.close())
    with sqlite3.connect(path) as raw:
        assert raw.execute("SELECT secret_digest FROM coatcheck_sessions").fetchall() == [(b"only-a-digest",)]
        assert raw.execute("SELECT sealed_private_key FROM coatcheck_keys").fetchall() == [(b"only-sealed",)]
    raw.close()


def test_instants_sort_in_the_database_as_they_do_here(store):
    sessions = [a_session("usr_x", created_at=NOW + n * SECOND / 3) for n in (-(10**9), -1, 0, 1, 10**9)]

    def work(tx):
        for session in sessions:
            tx.sessions.add(session)
        return list(tx.sessions.live_of("usr_x"))

    assert asyncio.run(store.write(work)) == sessions[::-1]
