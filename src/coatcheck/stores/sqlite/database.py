"""One SQLite file of ours: a thread that writes, a thread that reads, and the lock between processes.

Write transactions and checkpoints happen under the lock, so a process never meets another's half-done work and waits at
most its patience. Checkpoints are ours alone, made by the writer between two transactions.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Final, TypeVar

from sqlalchemy import Connection

from coatcheck.errors import Misconfigured, OutcomeUnknown, StoreUnavailable
from coatcheck.stores.sql import schema
from coatcheck.stores.sql.trouble import TROUBLE, cause_of, translated
from coatcheck.stores.sqlite import aside
from coatcheck.stores.sqlite.commit import commit
from coatcheck.stores.sqlite.connect import WAL_LIMIT, driver
from coatcheck.stores.sqlite.line import Line

Result = TypeVar("Result")

_OPENING_PATIENCE: Final = 60.0
"""Seconds that a first open waits for another process, which may be upgrading the tables."""

_LOCK_PATIENCE: Final = 5.0
"""Seconds that a write waits for other processes, counted from when it was asked for …"""

_LEAST_PATIENCE: Final = 0.25
"""… but it tries for so long at least, when it had to wait for others of this process."""

_STOP_PATIENCE: Final = 5.0


class Database:
    """``write`` and ``read`` run a function over a Connection, in a transaction, each in its own thread."""

    def __init__(self, path: Path, part: schema.Part) -> None:
        self.path = path
        self._part = part
        self._wal = f"{path}-wal"
        self._checkpoint_above = WAL_LIMIT
        self._writer = Line(path, part, query_only=False)
        self._reader = Line(path, part, query_only=True)

    @property
    def bell(self) -> Path:
        """The file that changes when a commit had news."""
        return self._writer.lock.path

    async def open(self, establish: Callable[[Connection], None]) -> None:
        """Create the file and its tables, or upgrade them; ``establish`` puts the first rows in."""
        await self._writer.worker.run(lambda: self._open(establish))

    async def write(
        self, work: Callable[[Connection], Result], *, durable: bool, has_news: Callable[[], bool] = lambda: False
    ) -> Result:
        """Run ``work`` and commit, forced to the disk if that is to be ``durable``; ring the bell if it ``has_news``
        then."""
        until = monotonic() + _LOCK_PATIENCE
        return await self._writer.worker.run(lambda: self._write(work, durable, has_news, until))

    async def read(self, work: Callable[[Connection], Result]) -> Result:
        """Run ``work`` over one consistent read."""
        return await self._reader.worker.run(lambda: self._read(work))

    async def close(self) -> None:
        """Finish what is queued and let go of the file."""
        for line in (self._reader, self._writer):
            await line.worker.run(line.drop)
        self.stop()

    def stop(self) -> None:
        """End the threads and let go of the file, now."""
        for line in (self._reader, self._writer):
            line.worker.stop(_STOP_PATIENCE)
            line.drop()
            line.lock.close()

    def park(self, patience: float) -> bool:
        """Before a fork: wait until both threads are between two jobs, hold them there, and close the file.

        SQLite's locks are the process's own, and a child would inherit the belief to hold them. False when a thread
        did not come to rest in time.
        """
        resting = [line for line in (self._reader, self._writer) if line.worker.rest(patience)]
        for line in resting:
            line.drop()
            line.lock.close()
        return len(resting) == 2

    def unpark(self) -> None:
        """After a fork, in the parent: let the threads go on."""
        for line in (self._reader, self._writer):
            line.worker.resume()

    def _open(self, establish: Callable[[Connection], None]) -> None:
        with self._trouble(), self._writer.lock.held(monotonic() + _OPENING_PATIENCE):
            said = aside.read_text(self.path)
            if said is not None:
                raise Misconfigured(f"{self.path}: {said}")
            with suppress(FileExistsError):
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            connection = self._writer.ready(is_locked=True, any_version=True)
            raw = driver(connection)
            if raw.execute("PRAGMA journal_mode = WAL").fetchone() != ("wal",):
                raise StoreUnavailable("The database's file system does not support a write-ahead log.")
            self._writer.synchronous("FULL")
            self._force_log(raw)
            raw.execute("BEGIN IMMEDIATE")
            with self._undone_on_error(connection):
                schema.bring_up_to_date(connection, self._part)
                establish(connection)
                commit(raw)

    @staticmethod
    def _force_log(raw: sqlite3.Connection) -> None:
        """Have on the disk what the log holds. Somebody may have been killed between writing a commit and forcing it:
        from now on it is seen, and nobody may be told what a power loss could still take."""
        try:
            raw.execute("PRAGMA wal_checkpoint(PASSIVE)")
        except sqlite3.OperationalError as fault:
            if fault.sqlite_errorcode != sqlite3.SQLITE_FULL:  # then it was forced, and there is no room to copy it
                raise

    def _write(
        self, work: Callable[[Connection], Result], durable: bool, has_news: Callable[[], bool], until: float
    ) -> Result:
        with self._trouble(), self._writer.lock.held(max(until, monotonic() + _LEAST_PATIENCE)):
            connection = self._writer.ready(is_locked=True)
            self._writer.synchronous("FULL" if durable else "NORMAL")
            raw = driver(connection)
            raw.execute("BEGIN IMMEDIATE")
            with self._undone_on_error(connection):
                result = work(connection)
                commit(raw)
            if has_news():
                with suppress(OSError):  # it is committed, and the bell is but a hint
                    self._writer.lock.ring()
        if self._wal_size() > self._checkpoint_above:
            self._writer.worker.tell(self._checkpoint)
        return result

    def _read(self, work: Callable[[Connection], Result]) -> Result:
        with self._trouble(is_reader=True):
            connection = self._reader.ready()
            driver(connection).execute("BEGIN")
            try:
                return work(connection)
            finally:
                if driver(connection).in_transaction:
                    driver(connection).execute("ROLLBACK")

    def _checkpoint(self) -> None:
        if self._wal_size() <= self._checkpoint_above:
            return
        with suppress(StoreUnavailable), self._trouble(), self._writer.lock.held(monotonic() + _LOCK_PATIENCE):
            raw = driver(self._writer.ready(is_locked=True))
            _, frames, copied = raw.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            # A reader in an old snapshot keeps the rest from being copied: try again when a quarter more has come.
            is_complete = frames == copied
            self._checkpoint_above = WAL_LIMIT if is_complete else self._wal_size() + WAL_LIMIT // 4

    def _wal_size(self) -> int:
        try:
            return os.stat(self._wal).st_size  # noqa: PTH116 - once per write
        except OSError:
            return 0

    @contextmanager
    def _trouble(self, *, is_reader: bool = False) -> Iterator[None]:
        """Turn the database's errors into ours, and begin anew with a fresh connection after any."""
        try:
            yield
        except OutcomeUnknown:
            self._writer.drop()
            raise
        except (sqlite3.Error, *TROUBLE) as fault:
            error = translated(fault)
            if isinstance(error, StoreUnavailable):
                (self._reader if is_reader else self._writer).drop()
            raise error from cause_of(error, fault)

    @contextmanager
    def _undone_on_error(self, connection: Connection) -> Iterator[None]:
        try:
            yield
        except BaseException:
            if driver(connection).in_transaction:
                driver(connection).execute("ROLLBACK")
            raise
