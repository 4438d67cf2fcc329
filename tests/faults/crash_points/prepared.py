"""A database that is put back to the same state as often as it is asked for: a SQLite file, or one of PostgreSQL's."""

import shutil
import time
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import psycopg

from tests.postgres import drop_database, new_database

PATIENCE = 60.0


class PreparedFile:
    """In a folder of its own, with all that lies beside it."""

    def __init__(self, folder: Path) -> None:
        self._now = folder / "now"
        self._kept = folder / "kept"
        self._now.mkdir()
        self.url = f"sqlite:///{self._now}/app.db"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def keep(self) -> None:
        """Remember what is there. Nobody has it open."""
        shutil.copytree(self._now, self._kept)

    def restore(self) -> None:
        """Put back what was kept."""
        shutil.rmtree(self._now)
        shutil.copytree(self._kept, self._now)

    def settle(self) -> None:
        """Whoever died has let go of it already."""


class PreparedPostgres:
    """A database on the server that ``server`` leads to, and a second one to make it from again."""

    def __init__(self, server: str) -> None:
        self._server = server
        self.url = new_database(server)
        self._name = urlsplit(self.url).path[1:]
        self._kept = f"{self._name}_kept"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        drop_database(self.url)
        self._tell(f'DROP DATABASE IF EXISTS "{self._kept}"')

    def keep(self) -> None:
        """Remember what is there. Nobody is connected to it."""
        self.settle()
        self._tell(f'CREATE DATABASE "{self._kept}" TEMPLATE "{self._name}"')

    def restore(self) -> None:
        """Put back what was kept."""
        drop_database(self.url)
        self._tell(f'CREATE DATABASE "{self._name}" TEMPLATE "{self._kept}"')

    def settle(self) -> None:
        """Wait until the server has noticed who died, and has done or undone what they had asked for."""
        gives_up = time.monotonic() + PATIENCE
        with psycopg.connect(self._server, autocommit=True) as connection:
            asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
            while connection.execute(asked, [self._name]).fetchone() != (0,):
                assert time.monotonic() < gives_up, "the server goes on with what a dead process has asked for"
                time.sleep(0.002)

    def _tell(self, statement: str) -> None:
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(statement)
