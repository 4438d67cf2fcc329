"""When the file, the disk or the lock is not what it should be: StoreUnavailable, and all is well again afterwards."""

import asyncio
import fcntl
import os
import shutil
import sqlite3
import subprocess
import sys
import time

import pytest

from coatcheck.errors import Misconfigured, OutcomeUnknown, StoreUnavailable
from coatcheck.model.event import SessionEnded
from coatcheck.stores.open import store_for
from coatcheck.stores.sqlite import connect, database


def _append(store, session_id="ses_x"):
    return asyncio.run(store.commit(lambda tx: tx.log.append(SessionEnded(session_id)))).events[0]


def _head(store):
    return asyncio.run(store.read(lambda tx: tx.log.head()))


def test_a_file_that_is_no_database_is_left_alone(path):
    path.write_bytes(b"a letter to my mother " * 1_000)
    with pytest.raises(StoreUnavailable, match="SQLITE_NOTADB"):
        asyncio.run(store_for(f"sqlite:///{path}").open())
    assert path.read_bytes().startswith(b"a letter")


def test_a_folder_in_the_place_of_the_file_makes_it_unavailable(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreUnavailable):
        asyncio.run(store_for(f"sqlite:///{tmp_path}/folder").open())


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(Misconfigured, match="missing/folder"):
        asyncio.run(store_for(f"sqlite:///{tmp_path}/missing/folder/app.db").open())


def test_a_deleted_database_is_missed_and_not_made_anew(store, path):
    _append(store)
    path.rename(path.with_name("elsewhere"))
    for attempt in (_append, _head):
        with pytest.raises(StoreUnavailable, match="not there"):
            attempt(store)
    assert not path.exists()
    path.with_name("elsewhere").rename(path)
    assert _head(store).seq == 1
    assert _append(store).seq == 2


def test_a_restored_backup_is_seen_at_once_and_so_is_that_the_log_went_back(store, path, tmp_path):
    first = _append(store)
    asyncio.run(store.close())
    backup = tmp_path / "backup"
    shutil.copy(path, backup)
    asyncio.run(store.open())
    second = _append(store)
    assert _head(store).event_id == second.id
    for companion in ("-wal", "-shm"):
        path.with_name(path.name + companion).unlink(missing_ok=True)
    backup.rename(path)
    assert _head(store).event_id == first.id
    assert asyncio.run(store.read(lambda tx: tx.log.event_id_at(second.seq))) is None
    assert _append(store).seq == 2


def test_a_database_of_another_version_put_in_its_place_is_not_used(store, path):
    other = path.with_name("other")
    sqlite3.connect(other).close()
    other.replace(path)
    with pytest.raises(StoreUnavailable):
        _head(store)
    with pytest.raises(StoreUnavailable):
        _append(store)


def test_the_lock_is_waited_for_with_a_bound(path, monkeypatch):
    monkeypatch.setattr(database, "_LOCK_PATIENCE", 0.1)
    store = store_for(f"sqlite:///{path}")
    asyncio.run(store.open())
    with path.with_name(path.name + "-lock").open("r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StoreUnavailable, match="lock"):
            _append(store)
        assert _head(store).seq == 0

        async def many_at_once():
            began = time.monotonic()
            works = [store.write(lambda tx: None) for _ in range(5)]
            answers = await asyncio.gather(*works, return_exceptions=True)
            assert [type(answer) for answer in answers] == [StoreUnavailable] * 5
            return time.monotonic() - began

        monkeypatch.setattr(database, "_LOCK_PATIENCE", 0.6)
        assert asyncio.run(many_at_once()) < 5 * 0.6
    assert _append(store).seq == 1
    asyncio.run(store.close())


def test_a_foreign_writer_that_stays_too_long_makes_the_store_unavailable(path, monkeypatch):
    monkeypatch.setattr(connect, "_BUSY_SECONDS", 0.1)
    store = store_for(f"sqlite:///{path}")
    asyncio.run(store.open())
    foreign = sqlite3.connect(path, isolation_level=None)
    foreign.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="SQLITE_BUSY"):
        _append(store)
    assert _head(store).seq == 0
    foreign.execute("ROLLBACK")
    foreign.close()
    assert _append(store).seq == 1
    asyncio.run(store.close())


def test_a_full_disk_makes_it_unavailable_until_there_is_room(path, tmp_path):
    mount = f"mount -t tmpfs -o size=2m none {tmp_path} && head -c 1000000 /dev/zero > {tmp_path}/ballast && "
    fill = ("fill_the_disk", f"sqlite:///{path}", f"{tmp_path}/ballast", "1")
    command = [sys.executable, "-m", "tests.stores.process", *fill]
    shell = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    if subprocess.run([*shell, mount + "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system lets nobody mount a small file system")
    done = subprocess.run([*shell, mount + " ".join(command)], capture_output=True, text=True, check=True)
    full, there, recovered, _ = done.stdout.splitlines()
    assert full == "full StoreUnavailable"
    assert there == "there 0"
    assert float(recovered.split()[1]) < 5


def test_who_may_only_read_reads_and_is_refused_to_write(store, path, tmp_path, start):
    if os.getuid() != 0:
        pytest.skip("only root can become somebody else")
    _append(store)
    for directory in (tmp_path, *list(tmp_path.parents)[:3]):
        directory.chmod(0o755)
    for file in tmp_path.iterdir():
        file.chmod(0o644)
    output, _ = start("read_only").communicate(timeout=20)
    assert output.splitlines()[-2].startswith("refused StoreUnavailable")


def test_a_commit_that_fails_halfway_is_reported_as_unknown(path):
    script = f"""
import asyncio, resource
from coatcheck.errors import OutcomeUnknown
from coatcheck.stores.open import store_for
from coatcheck.testing.contracts.driving import a_user

async def main():
    store = store_for("sqlite:///{path}")
    await store.open()
    await store.write(lambda tx: tx.users.add(a_user(id="usr_before")))
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
    try:
        await store.write(lambda tx: tx.users.add(a_user(id="usr_large", name="x" * 400_000)))
    except OutcomeUnknown as error:
        print(error.message)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert await store.read(lambda tx: tx.users.get("usr_before"))
    assert await store.read(lambda tx: tx.users.get("usr_large")) is None
    assert await store.write(lambda tx: tx.users.add(a_user(id="usr_after")))
    await store.close()

asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == OutcomeUnknown().message


def test_an_error_repeats_nothing_of_what_was_stored(store):
    secret = b"canary-digest"

    def work(tx):
        tx.sessions._connection.exec_driver_sql("SELECT :secret FROM no_such_table", {"secret": secret})

    with pytest.raises(StoreUnavailable) as caught:
        asyncio.run(store.write(work))
    assert "canary" not in str(caught.value)
    assert "no_such_table" not in str(caught.value)
    assert _append(store).seq == 1
