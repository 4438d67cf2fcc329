"""docs/backup-and-restore.md: its commands are run, and nothing that was ended since comes to life again."""

import asyncio
import os
import re
import shutil
import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from coatcheck import Auth, Settings
from coatcheck.errors import AuthError, Misconfigured
from coatcheck.model.session import Carry
from coatcheck.settings import RevocationSettings
from coatcheck.testing import fast_passwords, login_as
from tests.postgres import PostgresServer
from tests.serving import free_port
from tests.surface.documents import blocks

LEASE = timedelta(milliseconds=200)
DUMP, RESTORE, EPOCH, COPY, PUT_BACK = range(5)


class Installation:
    """One database, and the page's commands for it."""

    def __init__(self, folder: Path, database: str, programs: str = "") -> None:
        self._folder = folder
        self._settings = Settings(
            database=database,
            secrets=(token_urlsafe(32),),
            passwords=fast_passwords(),
            revocation=RevocationSettings(lease=LEASE, witness=str(folder / "witness")),
        )
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("COATCHECK_")},
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), programs, os.environ["PATH"]]),
            "COATCHECK_DATABASE_URL": database,
            "COATCHECK_SECRETS": self._settings.secrets[0],
            "COATCHECK_REVOCATION_LEASE": "200ms",
            "COATCHECK_REVOCATION_WITNESS": self._settings.revocation.witness,
            "PGSERVICEFILE": str(folder / "pg_service.conf"),
        }
        if database.startswith("postgresql:"):
            self._name(conninfo_to_dict(database))
        self.backups = folder / "backup"
        self.backups.mkdir()

    def _name(self, there: dict[str, Any]) -> None:
        """Write the page's file for PostgreSQL's programs, with another place: two hosts, nobody at the first."""
        (page,) = blocks("docs/backup-and-restore.md", "ini")
        here = {
            "host": f"{there['host']},{there['host']}",
            "dbname": there["dbname"],
            "user": f"{there['user']}\nport={free_port()},{there['port']}",
            "password": "nobody asks for it",
            "sslmode": "disable",
        }
        for name, value in here.items():
            page, count = re.subn(rf"^{name}=.*$", f"{name}={value}", page, flags=re.MULTILINE)
            assert count == 1, name
        assert "target_session_attrs=read-write\n" in page
        (self._folder / "pg_service.conf").write_text(page)

    def run(self, number: int) -> None:
        """One block of the page, with other paths."""
        command = blocks("docs/backup-and-restore.md", "sh")[number]
        command = command.replace("/backup/", f"{self._folder}/backup/").replace(
            "/var/lib/coatcheck/", f"{self._folder}/"
        )
        subprocess.run(["sh", "-eu", "-c", command], check=True, env=self._environment, cwd=self._folder, timeout=60)

    def log_in(self) -> str:
        """Start, log somebody in, stop; the credential."""

        async def work(auth: Auth) -> str:
            return (
                (await login_as(auth, "ann@example.com", carry=Carry.HEADER))
                .headers["authorization"]
                .removeprefix("Bearer ")
            )

        return asyncio.run(self._during(work))

    def end_all(self) -> None:
        """Start, end every login, stop."""

        async def work(auth: Auth) -> None:
            user = await auth.store.read(lambda tx: tx.users.by_email_key("ann@example.com"))
            await auth.logout_everywhere(user.id)

        asyncio.run(self._during(work))

    def says(self, credential: str) -> str:
        """The code of a refusal, or "passes"."""

        async def work(auth: Auth) -> str:
            try:
                await auth.check(credential)
            except AuthError as refusal:
                return refusal.code
            return "passes"

        return asyncio.run(self._during(work))

    async def _during(self, work):
        async with Auth(self._settings) as auth:
            return await work(auth)


def live_through_a_restore(site: Installation, *, back_up: int, put_back: tuple[int, ...], epoch: int | None) -> None:
    """Back up, end a login, put the backup back, and see that it stays ended."""
    early = site.log_in()
    site.run(back_up)
    assert {stat.S_IMODE(file.stat().st_mode) for file in site.backups.iterdir()} == {0o600}
    late = site.log_in()
    site.end_all()
    assert (site.says(early), site.says(late)) == ("session.ended", "session.ended")
    for number in put_back:
        site.run(number)
    if epoch is not None:
        with pytest.raises(Misconfigured, match="coatcheck schema restored"):
            site.says(early)
        site.run(epoch)
    assert site.says(early) == "session.ended"
    assert site.says(late) in {"session.ended", "token.invalid"}
    assert site.says(site.log_in()) == "passes"


def test_a_dump_of_postgresql_that_was_put_back_revives_nothing(tmp_path: Path) -> None:
    with PostgresServer(tmp_path / "postgres") as server:
        site = Installation(tmp_path, server.new_database(), str(Path(server.program("pg_dump")).parent))
        live_through_a_restore(site, back_up=DUMP, put_back=(RESTORE,), epoch=EPOCH)


def test_no_command_hands_a_password_to_the_list_of_processes() -> None:
    assert "$COATCHECK" not in "".join(blocks("docs/backup-and-restore.md", "sh"))


def test_a_copy_of_sqlite_that_was_put_back_revives_nothing(tmp_path: Path) -> None:
    if shutil.which("sqlite3") is None:
        pytest.skip("there is no sqlite3 here")
    site = Installation(tmp_path, f"sqlite:///{tmp_path}/app.db")
    live_through_a_restore(site, back_up=COPY, put_back=(PUT_BACK,), epoch=None)
