"""FT-18 with PostgreSQL: a dump is put back, and nothing that was ended since comes to life again (rule 17).

There is no file beside this database. Who notices: a witness that was named, and servers that run meanwhile.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.cli.conftest import CommandLine
from tests.postgres import PostgresServer, drop_database
from tests.serving import SECRET, Serving

pytestmark = pytest.mark.xdist_group("workers")
LEASE = "1s"


class Site:
    """A server over PostgreSQL, the command line beside it, and a dump."""

    def __init__(self, folder: Path, postgres: PostgresServer) -> None:
        self.postgres = postgres
        self.database = postgres.new_database()
        self.dump = postgres.data / "dump"  # where the server's own user may write
        environment = {
            "COATCHECK_DATABASE_URL": self.database,
            "COATCHECK_SECRETS": SECRET,
            "COATCHECK_REVOCATION_LEASE": LEASE,
            "COATCHECK_REVOCATION_WITNESS": str(folder / "witness"),
        }
        self.run = CommandLine(folder)
        self.run.environment |= environment
        self.serving = Serving(folder, 1, **environment)

    def back_up(self) -> None:
        """``pg_dump``, while everything runs."""
        self.postgres.run("pg_dump", "--format", "custom", "--file", str(self.dump), self.database)

    def put_back(self) -> None:
        """``pg_restore`` into an empty database of the same name."""
        drop_database(self.database)
        name = urlsplit(self.database).path[1:]
        self.postgres.run("createdb", "--maintenance-db", self.postgres.url, name)
        self.postgres.run("pg_restore", "--exit-on-error", "--dbname", self.database, str(self.dump))

    def start(self) -> None:
        """Start the server again, and wait until it listens: the subscriber in the dump is not yet this one."""
        self.serving.start()
        gives_up = time.monotonic() + 120
        while self.serving.call("GET", "me").status is None:
            assert time.monotonic() < gives_up, self.serving.output.read_text()
            time.sleep(0.05)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with PostgresServer(tmp_path / "postgres") as postgres:
        yield Site(tmp_path, postgres)


def test_a_restored_dump_revives_nothing(site: Site) -> None:
    run, serving = site.run, site.serving
    with serving:
        ended = serving.register("ann@example.com", carry="header").body["session_token"]
        login = serving.log_in("ann@example.com", carry="tokens").body
        alive = serving.log_in("ann@example.com", carry="tokens").body
        leaked = next(key["kid"] for key in run.document("keys", "list") if key["status"] == "current")
        site.back_up()
        for token in (ended, login["access_token"]):
            assert serving.call("POST", "logout?wait=true", {"scope": "this"}, token=token).status == 200
        run("incident", "key-leaked", leaked, "--reason", "leaked", "--yes")
        after = serving.log_in("ann@example.com", carry="header").body["session_token"]
        assert serving.stop() == 0
        site.put_back()

        run("serve", "--port", str(serving.port))
        assert run.code == 1
        assert "went back in time" in run.err
        run("users", "list")
        assert run.code == 1, "no other command goes on either"

        run("incident", "backup-restored", "--yes")
        assert run.code == 0, run.err
        site.start()
        for token in (ended, login["access_token"], alive["access_token"], after):
            assert serving.me(token).status == 401
        refresh = serving.call("POST", "token", f"grant_type=refresh_token&refresh_token={alive['refresh_token']}")
        assert refresh.status == 400
        assert leaked not in run("keys", "list")
        fresh = serving.log_in("ann@example.com", carry="tokens").body["access_token"]
        assert serving.me(fresh).status == 200


def test_restored_under_a_running_server(site: Site) -> None:
    """Running subscribers are witnesses: they accept nothing, say so, and follow the new epoch without a restart."""
    run, serving = site.run, site.serving
    with serving:
        ended = serving.register("ann@example.com", carry="header").body["session_token"]
        alive = serving.log_in("ann@example.com", carry="header").body["session_token"]
        site.back_up()
        assert serving.call("POST", "logout?wait=true", {"scope": "this"}, token=ended).status == 200
        site.put_back()
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            assert serving.me(ended).status != 200
        assert serving.me(alive).status == 503, "it does not decide by what went back in time"
        run("incident", "backup-restored", "--yes")
        assert run.code == 0, run.err
        assert {serving.me(token).status for token in (ended, alive)} == {401}
        assert serving.log_in("ann@example.com", carry="header").status == 200
    assert "Traceback" not in serving.output.read_text()


def test_without_a_witness_the_token_itself_gives_it_away(site: Site) -> None:
    """A token that was issued after the dump bears a position that the restored log has not reached."""
    site.run.environment["COATCHECK_REVOCATION_WITNESS"] = str(site.run.folder / "nobody-looks")
    serving = site.serving
    serving.environment["COATCHECK_REVOCATION_WITNESS"] = str(site.run.folder / "new-machine")
    with serving:
        serving.register("ann@example.com", carry="header")
        site.back_up()
        later = serving.register("ben@example.com", carry="header").body["session_token"]
        assert serving.call("POST", "logout?wait=true", {"scope": "this"}, token=later).status == 200
        token = serving.log_in("ann@example.com", carry="tokens").body["access_token"]
        assert serving.stop() == 0
        site.put_back()
        serving.environment["COATCHECK_REVOCATION_WITNESS"] = str(site.run.folder / "another-new-machine")
        site.start()
        assert serving.me(token).status in (401, 503)
