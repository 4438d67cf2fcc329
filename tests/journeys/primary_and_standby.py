"""PostgreSQL with a standby that follows it, made by the steps of ``docs/database-failover.md``.

with PrimaryAndStandby(folder, synchronous=True) as pair:
    pair.primary.kill()
    pair.promote()
"""

import shlex
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType
from typing import Any, LiteralString

import psycopg

from tests.postgres import PostgresServer
from tests.surface.documents import blocks

PAGE = "docs/database-failover.md"
FOLLOW, PROMOTE = range(2)
ROLE, SYNCHRONOUS, RELOAD, ALONE, RELOAD_ALONE = range(5)


class PrimaryAndStandby:
    """Both, in ``folder``. With ``synchronous`` a commit is answered when it is on both disks."""

    def __init__(self, folder: Path, *, synchronous: bool) -> None:
        self.primary = PostgresServer(folder / "primary")
        self.standby = PostgresServer(folder / "standby")
        self._is_synchronous = synchronous
        self._running = ExitStack()

    def __enter__(self) -> "PrimaryAndStandby":
        with ExitStack() as running:
            running.enter_context(self.primary)
            with psycopg.connect(self.primary.url, autocommit=True) as primary:
                primary.execute(_statement(ROLE))
                source = f"host=127.0.0.1 port={self.primary.port}"
                self._run(FOLLOW, {"host=db-1.internal": source})
                running.enter_context(self.standby)
                if self._is_synchronous:
                    primary.execute(_statement(SYNCHRONOUS))
                    primary.execute(_statement(RELOAD))
                wanted = "sync" if self._is_synchronous else "async"
                follows = "SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = %s"
                _wait_for(primary, follows, wanted)
            self._running = running.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def new_database(self) -> str:
        """The URL of a new database, with both hosts in it."""
        url = self.primary.new_database()
        one = f"127.0.0.1:{self.primary.port}"
        assert url.count(one) == 1
        return url.replace(one, f"{one},127.0.0.1:{self.standby.port}")

    def promote(self) -> None:
        """Make the standby the primary."""
        self._run(PROMOTE)

    def wait_for_nobody(self) -> None:
        """Let the new primary wait for no standby."""
        self._tell(ALONE, RELOAD_ALONE)

    def wait_for_a_standby(self) -> None:
        """Let the new primary have the setting of the old one, as if the standby had been made after it."""
        self._tell(SYNCHRONOUS, RELOAD)

    def cut_off(self) -> None:
        """Let the standby have all there is, and hear of nothing more."""
        with (
            psycopg.connect(self.primary.url) as primary,
            psycopg.connect(self.standby.url, autocommit=True) as standby,
        ):
            ((end,),) = primary.execute("SELECT pg_current_wal_flush_lsn()")
            _wait_for(standby, "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", end)
            standby.execute("ALTER SYSTEM SET primary_conninfo = ''")
            standby.execute("SELECT pg_reload_conf()")
            _wait_for(standby, "SELECT count(*) = 0 FROM pg_stat_wal_receiver")

    def _tell(self, *numbers: int) -> None:
        """Statements of the page, to the standby that was promoted."""
        with psycopg.connect(self.standby.url, autocommit=True) as promoted:
            for number in numbers:
                promoted.execute(_statement(number))

    def _run(self, number: int, replaced: Mapping[str, str] = MappingProxyType({})) -> None:
        """A command of the page, on the standby."""
        command = blocks(PAGE, "sh")[number]
        for documented, here in {"/var/lib/postgresql/data": str(self.standby.data), **replaced}.items():
            assert command.count(documented) == 1, documented
            command = command.replace(documented, here)
        self.standby.run(*shlex.split(command))


def _statement(number: int) -> bytes:
    return blocks(PAGE, "sql")[number].encode()


def _wait_for(connection: psycopg.Connection[tuple[Any, ...]], question: LiteralString, *values: str) -> None:
    gives_up = time.monotonic() + 120
    while connection.execute(question, values).fetchone() != (True,):
        assert time.monotonic() < gives_up, question
        time.sleep(0.02)
