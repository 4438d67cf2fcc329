"""A whole installation goes over as it is, or is refused with a reason."""

import asyncio
import sqlite3
from concurrent.futures import Future
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from coatcheck.errors import DataConflict, Misconfigured, StoreUnavailable
from coatcheck.model.audit import AuditEntry
from coatcheck.model.event import UserChanged
from coatcheck.stores.copying.columns import TABLES
from coatcheck.stores.open import store_for
from coatcheck.stores.sqlite.aside import aside_of
from tests.pgbouncer import pooled
from tests.postgres import drop_database, new_database
from tests.stores.copying.conftest import COUNTERS, ask


def everything(url):
    """What a store says through its port."""

    async def read():
        store = store_for(url)
        await store.open()
        try:
            users = await store.read(lambda tx: list(tx.users.page()))
            return (
                users,
                await store.read(lambda tx: [tx.sessions.live_of(user.id) for user in users]),
                await store.read(lambda tx: tx.services.page()),
                await store.read(lambda tx: tx.keys.all()),
                await store.read(lambda tx: (tx.log.head(), tx.log.floor(), tx.log.after(0, 100))),
                await store.read(lambda tx: tx.audit.page()),
                await store.read(lambda tx: tx.attempts.peek("counter 7", datetime(1970, 1, 1, tzinfo=UTC))),
                await store.read_registry(lambda registry: registry.all()),
            )
        finally:
            await store.close()

    return asyncio.run(read())


def test_everything_goes_over_and_the_file_is_opened_no_more(path, copy, postgres_url):
    before = everything(f"sqlite:///{path}")
    copied = copy()
    assert everything(postgres_url) == before
    assert set(copied.tables) == {table.name for table in TABLES}
    assert copied.tables["coatcheck_attempts"].rows == COUNTERS
    assert copied.position == before[4][0].position
    assert min(len(each) for each in before[:6]) > 0
    with pytest.raises(Misconfigured, match=r"it was copied to .*mv app\.db-moved app\.db"):
        everything(f"sqlite:///{path}")
    assert copy().was_finished


def test_the_target_has_every_index_and_goes_on_numbering(path, copy, postgres_url):
    copy()
    fresh = new_database(postgres_url)
    try:
        everything(fresh)  # makes its tables as any new installation
        shape = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
        assert ask(postgres_url, shape) == ask(fresh, shape)
        shape = """SELECT table_name, column_name, data_type, is_nullable, column_default
            FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2"""
        assert ask(postgres_url, shape) == ask(fresh, shape)
    finally:
        drop_database(fresh)

    async def go_on():
        store = store_for(postgres_url)
        await store.open()
        try:
            seq = (await store.read(lambda tx: tx.log.head())).seq
            entry = AuditEntry(at=datetime.now(UTC), kind="login.succeeded")
            await store.write(lambda tx: tx.audit.add(entry))
            done = await store.commit(lambda tx: tx.log.append(UserChanged("usr_x", 2)))
            assert done.position.seq == seq + 1
            return (await store.read(lambda tx: tx.audit.page(limit=1)))[0] == entry
        finally:
            await store.close()

    assert asyncio.run(go_on())


def test_a_row_that_was_changed_on_the_way_is_found_and_the_same_command_mends_it(path, copy, postgres_url):
    def tamper(what, done, total):
        if what == "Making indexes":
            ask(postgres_url, "UPDATE coatcheck_sessions SET generation = generation + 1 WHERE carry = 'tokens'")

    with pytest.raises(StoreUnavailable, match="coatcheck_sessions has other contents"):
        copy(show=tamper)
    everything(f"sqlite:///{path}")  # is as it was, and opens
    with pytest.raises(Misconfigured, match="being filled"):
        everything(postgres_url)
    copied = copy()
    assert (copied.went_on, copied.was_finished) == (False, False)


def test_a_row_that_is_missing_is_found(path, copy, postgres_url):
    def tamper(what, done, total):
        if what == "Making indexes":
            ask(postgres_url, "DELETE FROM coatcheck_attempts WHERE key = 'counter 9'")

    with pytest.raises(StoreUnavailable, match="coatcheck_attempts has 10,999 rows instead of 11,000"):
        copy(show=tamper)


def test_what_was_written_after_a_copy_was_begun_is_copied_too(path, copy, postgres_url):
    def stop(what, done, total):
        if done > COUNTERS // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy(show=stop)
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE coatcheck_attempts SET count = 77 WHERE key = 'counter 1'")
    assert not copy().went_on
    assert ask(postgres_url, "SELECT count FROM coatcheck_attempts WHERE key = 'counter 1'") == [(77,)]


def test_what_writes_past_the_lock_is_noticed(path, copy):
    def write(what, done, total):
        if what == "Making indexes":
            with closing(sqlite3.connect(path)) as raw, raw:
                raw.execute("UPDATE coatcheck_attempts SET count = 77 WHERE key = 'counter 1'")

    with pytest.raises(DataConflict, match="was written to meanwhile"):
        copy(show=write)


def test_a_target_with_an_installation_is_refused(path, copy, postgres_url):
    everything(postgres_url)
    with pytest.raises(DataConflict, match="already"):
        copy()
    everything(f"sqlite:///{path}")


def test_a_target_with_a_begun_copy_of_another_installation_is_refused(path, copy, postgres_url):
    def stop(what, done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy(show=stop)
    ask(postgres_url, "UPDATE coatcheck_copying SET place = '1-00000000' WHERE name = 'epoch'")
    with pytest.raises(DataConflict, match="another installation"):
        copy()


def test_a_file_that_was_copied_is_copied_nowhere_else(path, copy, postgres_url):
    copy()
    other = new_database(postgres_url)
    try:
        with pytest.raises(DataConflict, match="it was copied to"):
            copy(other)
    finally:
        drop_database(other)
    ask(postgres_url, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    with pytest.raises(DataConflict, match="the target is empty"):
        copy()


def test_while_a_process_uses_the_file_it_is_not_copied(path, copy):
    store = store_for(f"sqlite:///{path}")

    async def use():
        from coatcheck.stores.authority import StoreAuthority

        await store.open()
        authority = StoreAuthority(store, lambda: datetime.now(UTC))
        number = await authority.register("app worker 1", None)
        remote = await authority.register("orders", None, "crd_x")
        with pytest.raises(DataConflict, match=r"1 running: app worker 1\. Stop what uses"):
            await asyncio.to_thread(copy, now=datetime.now(UTC))
        await authority.goodbye(number)
        assert remote

    asyncio.run(use())
    copy(now=datetime.now(UTC))  # a service elsewhere can't be stopped, and need not be


def test_a_process_that_has_the_file_open_is_cut_off_and_nothing_it_writes_is_lost_silently(path, copy):
    store = store_for(f"sqlite:///{path}")

    async def use():
        await store.open()
        await store.read(lambda tx: tx.log.head())
        await asyncio.to_thread(copy)
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="moved elsewhere"):
                await store.read(lambda tx: tx.log.head())
            with pytest.raises(StoreUnavailable, match="moved elsewhere"):
                await store.write(lambda tx: tx.log.append(UserChanged("usr_x", 2)))
        await store.close()

    asyncio.run(use())


def test_writes_wait_while_it_is_copied(path, copy):
    store = store_for(f"sqlite:///{path}")

    async def use():
        await store.open()
        reached = asyncio.Event()
        loop, going_on = asyncio.get_running_loop(), list[Future[None]]()

        def show(what, done, total):
            if not going_on:
                going_on.append(asyncio.run_coroutine_threadsafe(write(), loop))
                loop.call_soon_threadsafe(reached.set)

        async def write():
            await store.write(lambda tx: tx.attempts.give_back("counter 1"))

        await asyncio.to_thread(copy, show=show)
        await reached.wait()
        with pytest.raises(StoreUnavailable):
            await asyncio.wrap_future(going_on[0])
        await store.close()

    asyncio.run(use())


def test_a_subscriber_is_remembered_with_the_largest_lease_it_can_have(path, copy, postgres_url):
    store = store_for(f"sqlite:///{path}")

    async def use():
        from coatcheck.stores.authority import StoreAuthority

        await store.open()
        await StoreAuthority(store, lambda: datetime.now(UTC)).register("orders", 3_600_000, "crd_x")
        await store.write(
            lambda tx: tx.log.set_parameters(lease=timedelta(seconds=60), token=timedelta(minutes=10), drift=0.1)
        )
        await store.close()

    asyncio.run(use())
    copy()
    found = ask(postgres_url, "SELECT name, lease_ms, accept_ms FROM coatcheck_registrations")
    assert found == [("orders", 60_000, 3_600_000)]


def test_what_this_postgresql_cannot_keep_is_named(path, copy):
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE coatcheck_users SET name = 'a' || char(0) WHERE email = 'ann@example.com'")
    with pytest.raises(Misconfigured, match="a row of coatcheck_users holds a character"):
        copy()


def test_a_file_in_the_way_is_never_overwritten(path, copy):
    aside_of(path).write_text("mine")
    with pytest.raises(DataConflict, match=r"app\.db-moved is in the way"):
        copy()
    assert aside_of(path).read_text() == "mine"


def test_a_file_that_is_not_there_and_one_that_is_no_database_are_refused(path, copy):
    path.write_bytes(b"something else" * 1_000)
    with pytest.raises(StoreUnavailable, match="SQLITE_NOTADB"):
        copy()
    path.unlink()
    with pytest.raises(Misconfigured, match="there is no database at"):
        copy()


def test_a_file_of_another_version_is_to_be_upgraded_first(path, copy):
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE coatcheck_alembic_version SET version_num = 'store_0001'")
    with pytest.raises(Misconfigured, match="schema upgrade"):
        copy()


def test_where_no_server_would_start_nothing_is_copied(path, copy, postgres_url):
    with pooled(postgres_url, "transaction") as url, pytest.raises(Misconfigured, match="pool_mode = transaction"):
        copy(url)
    assert not aside_of(path).exists()
    assert ask(postgres_url, "SELECT to_regclass('coatcheck_users')") == [(None,)]
    copy()
