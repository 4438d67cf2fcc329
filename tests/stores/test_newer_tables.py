"""Tables that a newer version has upgraded: this one works over them when they were only added to."""

import asyncio
import shutil
import sqlite3
from contextlib import closing

import psycopg
import pytest

from coatcheck.errors import Misconfigured, StoreUnavailable
from coatcheck.stores.open import store_for
from coatcheck.stores.sql import migrations
from tests.newer import ADDS, NEWEST, begin_upgrade, newer_version, upgrade
from tests.serving import SECRET
from tests.site import API, bearer, running


@pytest.fixture(scope="module")
def adding(tmp_path_factory):
    """The code of a version that adds to both parts of the tables."""
    return newer_version(tmp_path_factory.mktemp("adding"))


def make(url):
    """The database, as this version makes it."""

    async def once():
        store = store_for(url)
        await store.open()
        await store.close()

    asyncio.run(once())


def ask(url, statement, *, of="store"):
    """What the database answers."""
    if not url.startswith("sqlite"):
        with psycopg.connect(url) as raw:
            return raw.execute(statement).fetchall()
    file = url.removeprefix("sqlite:///") + ("-subscribers" if of == "registry" else "")
    with closing(sqlite3.connect(file)) as raw:
        return raw.execute(statement).fetchall()


def noted(url, part):
    """The version of this part of the tables, and the oldest that works over it."""
    both = f"SELECT * FROM {migrations.VERSION_TABLE} JOIN {migrations.OLDEST_TABLE} ON version = version_num"
    ((_, version, oldest),) = [row for row in ask(url, both, of=part) if row[0].startswith(part)]
    return version, oldest


def test_a_new_database_says_which_versions_work_over_it(database_url):
    make(database_url)
    for part, newest in migrations.NEWEST.items():
        assert noted(database_url, part) == (newest, migrations.OLDEST[part])


def test_this_version_starts_over_tables_that_a_newer_one_has_added_to_and_serves_as_before(
    database_url, adding, caplog
):
    async def log_in(email, *, known=()):
        async with running(database=database_url, secrets=(SECRET,)) as site:
            client = site.client()
            await (site.log_in if known else site.register)(client, email, carry="header")
            token = (await site.log_in(client, email, carry="header"))["session_token"]
            for each in (*known, token):
                assert (await client.get(f"{API}/me", headers=bearer(each))).status_code == 200
            assert (await client.post(f"{API}/logout", headers=bearer(token))).status_code < 300
            assert (await client.get(f"{API}/me", headers=bearer(token))).status_code == 401
            return (await site.log_in(client, email, carry="header"))["session_token"]

    token = asyncio.run(log_in("ann@example.com"))
    assert "newer" not in caplog.text
    upgrade(database_url, adding)
    for part in NEWEST:
        assert noted(database_url, part) == (NEWEST[part], migrations.OLDEST[part])
    asyncio.run(log_in("ann@example.com", known=[token]))
    warnings = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert [f"of the {part} are of a newer version" in said for part, said in zip(NEWEST, warnings, strict=True)]
    asyncio.run(log_in("ben@example.com"))
    assert ask(database_url, "SELECT motto FROM coatcheck_users") == [("onwards",)] * 2
    assert noted(database_url, "store") == (NEWEST["store"], migrations.OLDEST["store"]), "left as it was"


@pytest.mark.parametrize("part", ["store", "registry"])
def test_tables_that_a_newer_version_has_more_than_added_to_are_refused_and_left_alone(database_url, part, tmp_path):
    make(database_url)
    upgrade(database_url, newer_version(tmp_path / "newer", {part: ADDS[part]}, is_additive=False))
    with pytest.raises(Misconfigured, match=r"newer version of Coatcheck.*update this one"):
        make(database_url)
    assert noted(database_url, part) == (NEWEST[part], NEWEST[part])


def test_old_and_new_servers_that_start_at_once_all_come_up(database_url, adding):
    make(database_url)
    starting = [begin_upgrade(database_url, source) for source in (adding, None, adding)]
    said = [process.communicate(timeout=120)[0] for process in starting]
    assert [process.returncode for process in starting] == [0] * 3, said
    for part in NEWEST:
        assert noted(database_url, part) == (NEWEST[part], migrations.OLDEST[part])


@pytest.mark.parametrize("is_additive", [True, False])
def test_a_backup_of_a_newer_version_put_in_place_is_used_if_that_version_has_only_added(path, tmp_path, is_additive):
    store = store_for(f"sqlite:///{path}")
    asyncio.run(store.open())
    backup = tmp_path / "backup.db"
    with closing(sqlite3.connect(path)) as raw, closing(sqlite3.connect(backup)) as copied:
        raw.backup(copied)
    upgrade(f"sqlite:///{backup}", newer_version(tmp_path / "newer", is_additive=is_additive))
    for companion in ("-wal", "-shm"):
        path.with_name(path.name + companion).unlink(missing_ok=True)
    shutil.move(backup, path)
    if is_additive:
        assert asyncio.run(store.write(lambda tx: tx.log.head())) == asyncio.run(store.read(lambda tx: tx.log.head()))
    else:
        with pytest.raises(StoreUnavailable, match="another version"):
            asyncio.run(store.read(lambda tx: tx.log.head()))
    asyncio.run(store.close())
