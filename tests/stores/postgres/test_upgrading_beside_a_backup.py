"""Tables are upgraded while a backup has them open: nobody who logs in or is checked waits until that is through."""

import asyncio
import time

import psycopg

from coatcheck.stores.sql.migrations import VERSION_TABLE
from tests.newer import ADDS, NEWEST, begin_upgrade, newer_version

BACKUP = 5.0
"""Seconds that it goes on once the upgrade waits for it; a unit of work gives up after less."""

_WAITS = "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'"


async def read_beside_it(store, backup, upgrading):
    """How long the slowest of many reads takes until the backup is through."""
    gives_up, waits_since, slowest = time.monotonic() + 60, None, 0.0
    while waits_since is None or time.monotonic() < waits_since + BACKUP:
        began = time.monotonic()
        assert began < gives_up, "the upgrade never waited"
        assert upgrading.poll() is None, upgrading.communicate()
        await store.read(lambda tx: tx.users.get("usr_x"))
        slowest = max(slowest, time.monotonic() - began)
        # Whoever reads may wait behind the upgrade for as long as that waits, and then it does no more.
        if waits_since is None and (slowest > 0.5 or backup.execute(_WAITS).fetchone()[0]):
            waits_since = time.monotonic()
        await asyncio.sleep(0.02)
    return slowest


def test_who_reads_does_not_wait_until_the_backup_is_through(postgres_store, postgres_url, tmp_path):
    source = newer_version(tmp_path / "newer", {"store": ADDS["store"]})
    with psycopg.connect(f"{postgres_url}?application_name=pg_dump") as backup:
        backup.execute("LOCK TABLE coatcheck_users IN ACCESS SHARE MODE")
        pid = backup.info.backend_pid
        upgrading = begin_upgrade(postgres_url, source)
        try:
            slowest = asyncio.run(read_beside_it(postgres_store, backup, upgrading))
        finally:
            backup.rollback()
            said, _ = upgrading.communicate(timeout=60)
    assert upgrading.returncode == 0, said
    assert f"who has them open: pg_dump (pid {pid})" in said
    assert slowest < 1.9, "it waited for the upgrade"
    with psycopg.connect(postgres_url) as raw:
        assert (NEWEST["store"],) in raw.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchall()
