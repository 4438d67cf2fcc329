"""FT-18: a backup is put back, and nothing that was ended since comes to life again (rule 17 of docs/revocation.md)."""

import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from tests.cli.conftest import CommandLine
from tests.serving import Serving


def back_up(database: Path, copy: Path) -> None:
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def put_back(database: Path, copy: Path) -> None:
    for ending in ("-wal", "-shm"):
        database.with_name(database.name + ending).unlink(missing_ok=True)
    shutil.copy(copy, database)
    database.chmod(0o600)


def test_a_restored_backup_revives_nothing(tmp_path: Path) -> None:
    run, copy = CommandLine(tmp_path), tmp_path / "backup.db"
    with Serving(tmp_path, workers=1, COATCHECK_REVOCATION_LEASE="1s") as serving:
        ended = serving.register("ann@example.com", carry="header").body["session_token"]
        login = serving.log_in("ann@example.com", carry="tokens").body
        ended_jwt = login["access_token"]
        alive = serving.log_in("ann@example.com", carry="tokens").body
        leaked = next(key["kid"] for key in run.document("keys", "list") if key["status"] == "current")
        back_up(serving.database, copy)
        for token in (ended, ended_jwt):
            assert serving.call("POST", "logout?wait=true", {"scope": "this"}, token=token).status == 200
        run("keys", "revoke", leaked, "--reason", "leaked", "--yes")
        after = serving.log_in("ann@example.com", carry="header").body["session_token"]
        assert serving.stop() == 0
        put_back(serving.database, copy)

        run("serve", "--port", str(serving.port))
        assert run.code == 1
        assert "went back in time" in run.err
        assert "coatcheck schema restored" in run.err
        run("users", "list")
        assert run.code == 1, "no other command goes on either"
        run("doctor")
        assert (run.code, "went back in time" in run.out) == (1, True)

        said = run("schema", "restored", "--yes", COATCHECK_REVOCATION_LEASE="1s")
        assert run.code == 0, run.err
        assert said.startswith("Everything issued before has ended.")
        run("doctor")
        assert run.code == 0, run.out

        serving.start()
        for token in (ended, ended_jwt, alive["access_token"], after):
            assert serving.me(token).status == 401
        refresh = serving.call("POST", "token", f"grant_type=refresh_token&refresh_token={alive['refresh_token']}")
        assert refresh.status == 400
        assert leaked not in run("keys", "list")
        fresh = serving.log_in("ann@example.com", carry="tokens").body["access_token"]
        assert serving.me(fresh).status == 200
        assert len(run.document("keys", "list")) == 2


def test_restored_under_running_servers(tmp_path: Path) -> None:
    """The file is replaced while a server runs: it accepts nothing, then follows the new epoch without a restart."""
    run, copy = CommandLine(tmp_path), tmp_path / "backup.db"
    with Serving(tmp_path, workers=1, COATCHECK_REVOCATION_LEASE="1s") as serving:
        ended = serving.register("ann@example.com", carry="header").body["session_token"]
        back_up(serving.database, copy)
        assert serving.call("POST", "logout?wait=true", {"scope": "this"}, token=ended).status == 200
        put_back(serving.database, copy)
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            assert serving.me(ended).status != 200
        run("schema", "restored", "--yes", COATCHECK_REVOCATION_LEASE="1s")
        assert run.code == 0, run.err
        assert serving.me(ended).status == 401
        fresh = serving.log_in("ann@example.com", carry="header").body["session_token"]
        assert serving.me(fresh).status == 200
