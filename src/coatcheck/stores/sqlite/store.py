"""SQLite as a store: one file for what must last, and beside it one for the registry of subscribers.

The registry changes often, mostly by acknowledgements that a power loss may take. Those are not forced to the disk
(``synchronous=NORMAL`` with a write-ahead log: the last commits may be lost, never the file).
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy import Connection

from coatcheck.authority import Found, LookUp, News
from coatcheck.errors import Misconfigured
from coatcheck.stores.port import Committed, Registry, Transaction
from coatcheck.stores.sql.log import SqlLog
from coatcheck.stores.sql.of_one_process import OfOneProcess
from coatcheck.stores.sql.registry import SqlRegistry
from coatcheck.stores.sql.transaction import SqlTransaction
from coatcheck.stores.sqlite import notice
from coatcheck.stores.sqlite.commit import enter
from coatcheck.stores.sqlite.database import Database

Result = TypeVar("Result")

_OLDEST_SQLITE: Final = (3, 35)
"""The first with RETURNING."""


class SqliteStore(OfOneProcess):
    """See ``stores.port.Store``. Several processes may share the file; each makes its own SqliteStore or forks one.

    ``path`` is created with its companions (``-lock``, ``-subscribers`` …) for the owner's eyes only (0600). It must be
    on a local disk.
    """

    def __init__(self, path: Path) -> None:
        if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
            raise Misconfigured(f"SQLite is {sqlite3.sqlite_version}; 3.35 or newer is needed.")
        self._path = path.absolute()
        super().__init__()

    async def open(self) -> None:
        self._require_own_process()
        if not self._path.parent.is_dir():
            raise Misconfigured(f"The folder of the database is not there: mkdir -p -m 700 {self._path.parent}")
        await self._main.open(lambda connection: SqlLog(connection).establish())
        await self._subscribers.open(lambda _: None)
        self._is_open = True

    async def close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._require_own_process()
            await self._main.close()
            await self._subscribers.close()

    async def write(self, work: Callable[[Transaction], Result], *, durable: bool = True) -> Result:
        def whole(connection: Connection, tx: SqlTransaction) -> Result:
            result = work(tx)
            if tx.log.appended:
                enter(connection, tx.log.appended, awaited=False)
            return result

        return await self._write(whole, durable=durable)

    async def commit(self, work: Callable[[Transaction], Result], *, awaited: bool = False) -> Committed[Result]:
        def whole(connection: Connection, tx: SqlTransaction) -> Committed[Result]:
            result = work(tx)
            events, position = enter(connection, tx.log.appended, awaited=awaited)
            return Committed(result, events, position)

        return await self._write(whole, durable=True, awaited=awaited)

    async def read(
        self,
        work: Callable[[Transaction], Result],
        *,
        needs_snapshot: bool = True,  # noqa: ARG002
        takes_long: bool = False,  # noqa: ARG002
    ) -> Result:
        self._require_open()
        return await self._main.read(lambda connection: work(SqlTransaction(connection)))

    async def look_up(self, asked: LookUp) -> Found:
        return await self.read(lambda tx: tx.sessions.look_up(asked))

    async def write_registry(self, work: Callable[[Registry], Result], *, durable: bool = True) -> Result:
        self._require_open()
        return await self._subscribers.write(lambda connection: work(SqlRegistry(connection)), durable=durable)

    async def read_registry(self, work: Callable[[Registry], Result]) -> Result:
        self._require_open()
        return await self._subscribers.read(lambda connection: work(SqlRegistry(connection)))

    async def read_clock(self) -> None:
        return None

    def watch(
        self,
        changed: Callable[[], None],
        told: Callable[[News], None] | None = None,  # noqa: ARG002 - it is not known here what was committed
    ) -> Callable[[], None]:
        """Call ``changed`` after every commit, by any process or this one, that moved the log."""
        self._require_open()
        return notice.watch(self._main.bell, changed)

    @property
    def beside(self) -> str | None:
        return str(self._path)

    def park(self, patience: float) -> bool:
        """Before a fork (``fork``)."""
        return self._main.park(patience) & self._subscribers.park(patience)

    def unpark(self) -> None:
        """After a fork, in the parent."""
        for database in (self._main, self._subscribers):
            database.unpark()

    async def _write(
        self, work: Callable[[Connection, SqlTransaction], Result], *, durable: bool, awaited: bool = False
    ) -> Result:
        self._require_open()
        logs: list[SqlLog] = []

        def run(connection: Connection) -> Result:
            transaction = SqlTransaction(connection)
            logs.append(transaction.log)
            return work(connection, transaction)

        return await self._main.write(run, durable=durable, has_news=lambda: awaited or logs[-1].is_changed)

    def _stop_lines(self) -> None:
        self._main.stop()
        self._subscribers.stop()

    def _make_lines(self) -> None:
        self._main = Database(self._path, "store")
        self._subscribers = Database(self._path.with_name(self._path.name + "-subscribers"), "registry")
