"""PostgreSQL as a store: one database for what must last and for the registry of subscribers."""

from asyncio import get_running_loop
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import psycopg
from psycopg import errors
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from coatcheck.authority import Found, LookUp, News
from coatcheck.errors import OutcomeUnknown
from coatcheck.model.position import Epoch
from coatcheck.stores.port import Committed, Registry, Transaction
from coatcheck.stores.postgres.commit import commit, roll_back
from coatcheck.stores.postgres.connect import LONG_TIMEOUTS_MS, compiled, driver, parameters
from coatcheck.stores.postgres.crew import Crew, Line
from coatcheck.stores.postgres.listener import Listener
from coatcheck.stores.postgres.look_ups import LookUpConnections
from coatcheck.stores.postgres.notification import Notifications
from coatcheck.stores.postgres.opening import bring_up_to_date
from coatcheck.stores.postgres.pipelining import PipelinedConnection
from coatcheck.stores.postgres.transaction import PostgresTransaction
from coatcheck.stores.sql.look_up import found_in, statement_for
from coatcheck.stores.sql.of_one_process import OfOneProcess
from coatcheck.stores.sql.registry import SqlRegistry
from coatcheck.stores.sql.trouble import TROUBLE, cause_of, translated
from coatcheck.tokens.derivation import Secrets

Result = TypeVar("Result")

_BEGIN: Final = ("BEGIN ISOLATION LEVEL READ COMMITTED",)
_BEGIN_CHEAPLY: Final = (*_BEGIN, "SET LOCAL synchronous_commit = off")
_BEGIN_READING: Final = ("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",)

_CLOCK: Final = text("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS double precision)")

_WRITERS: Final = 6
_READERS: Final = 2
LOOK_UPS: Final = 4
"""Connections over which credentials are looked up."""

CONNECTIONS: Final = _WRITERS + _READERS + LOOK_UPS + 1
"""Of one process, at most; one of them listens for news. A long log is read over one more, which is closed then."""

_PATIENCE: Final = 3.0
_LONG: Final = 60.0
_OPENING: Final = 60.0
_STOP_PATIENCE: Final = 3.0
_TRIES: Final = 3
_TO_BE_REPEATED: Final = (errors.DeadlockDetected, errors.SerializationFailure)


class PostgresStore(OfOneProcess):
    """See ``stores.port.Store``. Any number of processes may share the database; each makes its own PostgresStore or
    forks one.

    ``url`` is one of libpq: ``postgresql://user:password@host/database``, with several hosts too. Under ``secrets`` is
    signed what processes tell each other; without them they ask. Every question is answered within three seconds, if
    need be with StoreUnavailable; what takes long, within a minute.
    """

    _look_ups: LookUpConnections | None
    _notifications: Notifications

    def __init__(self, url: str, secrets: Sequence[str] = ()) -> None:
        self._parameters = parameters(url)
        self._secrets = tuple(secrets)
        super().__init__()

    async def open(self) -> None:
        self._require_own_process()
        secrets = Secrets(self._secrets) if self._secrets else None
        try:
            epoch = await self._writers.run(lambda _: self._open(), patience=_OPENING + _PATIENCE)
        except BaseException:
            self._stop_lines()
            raise
        self._notifications = Notifications(secrets, epoch)
        if self._look_ups is not None:
            self._look_ups.close()
        self._look_ups = LookUpConnections(self._parameters, most=LOOK_UPS, patience=_PATIENCE)
        self._is_open = True

    async def close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._require_own_process()
            self._stop_lines()

    async def write(self, work: Callable[[Transaction], Result], *, durable: bool = True) -> Result:
        committed = await self._write(work, begin=_BEGIN if durable else _BEGIN_CHEAPLY, tells=False, awaited=False)
        return committed.result

    async def commit(self, work: Callable[[Transaction], Result], *, awaited: bool = False) -> Committed[Result]:
        return await self._write(work, begin=_BEGIN, tells=True, awaited=awaited)

    async def read(
        self, work: Callable[[Transaction], Result], *, needs_snapshot: bool = True, takes_long: bool = False
    ) -> Result:
        self._require_open()
        crew = self._patient_readers if takes_long else self._readers

        def whole(line: Line) -> Result:
            try:
                return _read(line, lambda connection: work(PostgresTransaction(connection)), in_one=needs_snapshot)
            finally:
                if takes_long:
                    line.drop()  # it is seldom needed

        return await crew.run(whole)

    async def look_up(self, asked: LookUp) -> Found:
        self._require_open()
        if self._look_ups is None or self._look_ups.loop is not get_running_loop():
            return await self.read(lambda tx: tx.sessions.look_up(asked), needs_snapshot=False)
        statement, parameters = statement_for(asked)
        ours = compiled(statement)
        with _trouble():
            return found_in(await self._look_ups.ask(ours, ours.arguments(parameters)), asked)

    async def write_registry(self, work: Callable[[Registry], Result], *, durable: bool = True) -> Result:
        self._require_open()

        def whole(connection: Connection) -> Result:
            raw = driver(connection)
            _begin(raw, _BEGIN if durable else _BEGIN_CHEAPLY)
            result = work(SqlRegistry(connection))
            commit(raw, [], tells=False, awaited=False, rings=None)
            return result

        return await self._writers.run(lambda line: _written(line, whole))

    async def read_registry(self, work: Callable[[Registry], Result]) -> Result:
        self._require_open()
        return await self._readers.run(
            lambda line: _read(line, lambda connection: work(SqlRegistry(connection)), in_one=False)
        )

    async def read_clock(self) -> datetime:
        self._require_open()
        seconds = await self._readers.run(
            lambda line: _read(line, lambda connection: connection.execute(_CLOCK).scalar_one(), in_one=False)
        )
        return datetime.fromtimestamp(seconds, UTC)

    def watch(self, changed: Callable[[], None], told: Callable[[News], None] | None = None) -> Callable[[], None]:
        """Call ``changed`` after every commit, by any process or this one, that moved the log, or ``told``."""
        self._require_open()

        def hear(news: News | None) -> None:
            if news is None or told is None:
                changed()
            else:
                told(news)

        listener = Listener(self._parameters, hear, self._notifications)
        self._listeners.append(listener)

        def stop() -> None:
            with suppress(ValueError):
                self._listeners.remove(listener)
            listener.stop()

        return stop

    @property
    def beside(self) -> str | None:
        return None

    def park(self, patience: float) -> bool:
        """Before a fork (``fork``)."""
        for listener in self._listeners:
            listener.stop(patience)
        if self._look_ups is not None:
            self._look_ups.rest()
        self._patient_readers.break_off()  # nobody waits a minute for a fork
        return self._writers.rest(patience) & self._readers.rest(patience) & self._patient_readers.rest(patience)

    def unpark(self) -> None:
        """After a fork, in the parent."""
        for crew in (self._writers, self._readers, self._patient_readers):
            crew.resume()
        for listener in self._listeners:
            listener.start()

    def _make_lines(self) -> None:
        self._listeners: list[Listener] = []
        self._look_ups = None
        self._writers = Crew("coatcheck writer", self._parameters, most=_WRITERS, patience=_PATIENCE)
        self._readers = Crew("coatcheck reader", self._parameters, most=_READERS, patience=_PATIENCE)
        self._patient_readers = Crew(
            "coatcheck patient reader", self._parameters, most=1, patience=_LONG, timeouts=LONG_TIMEOUTS_MS
        )

    def _stop_lines(self) -> None:
        while self._listeners:
            self._listeners.pop().stop()
        if self._look_ups is not None:
            self._look_ups.close()
        for crew in (self._writers, self._readers):
            crew.stop(_STOP_PATIENCE)
        self._patient_readers.stop(0)

    def _open(self) -> Epoch:
        """Create the tables, or upgrade them; return the epoch."""
        with _trouble():
            return bring_up_to_date(self._parameters, within=_OPENING)

    async def _write(
        self, work: Callable[[Transaction], Result], *, begin: tuple[str, ...], tells: bool, awaited: bool
    ) -> Committed[Result]:
        self._require_open()

        def whole(connection: Connection) -> Any:
            raw, tx = driver(connection), PostgresTransaction(connection)
            _begin(raw, begin)
            result = work(tx)
            rings = self._notifications if tx.log.is_changed or awaited else None
            events, position = commit(raw, tx.log.appended, tells=tells, awaited=awaited, rings=rings)
            return Committed(result, events, position)  # type: ignore[arg-type] # None only where nobody looks

        committed: Committed[Result] = await self._writers.run(lambda line: _written(line, whole))
        return committed


def _begin(raw: PipelinedConnection, statements: tuple[str, ...]) -> None:
    for statement in statements:
        raw.defer(statement)


def _written(line: Line, whole: Callable[[Connection], Result]) -> Result:
    """Run a transaction, again where it met another one on the way; undone when it raises."""
    for tries_left in reversed(range(_TRIES)):
        with _trouble(line):
            connection = line.ready()
            raw = driver(connection)  # which SQLAlchemy does not tell any more once it is lost
            try:
                return whole(connection)
            except BaseException as fault:
                if not isinstance(fault, OutcomeUnknown) and not roll_back(raw):
                    line.drop()
                if not tries_left or not _is_to_be_repeated(fault):
                    raise
                line.drop()  # the driver believes prepared what it has just sent, and the server may not
    raise AssertionError  # the last try returns or raises


def _read(line: Line, work: Callable[[Connection], Result], *, in_one: bool) -> Result:
    with _trouble(line):
        connection = line.ready()
        raw = driver(connection)
        if not in_one:
            try:
                return work(connection)
            finally:
                raw.discard_deferred()
        _begin(raw, _BEGIN_READING)
        try:
            return work(connection)
        finally:
            if not roll_back(raw):
                line.drop()


def _is_to_be_repeated(fault: BaseException) -> bool:
    cause = fault.orig if isinstance(fault, DBAPIError) else fault
    return isinstance(cause, _TO_BE_REPEATED)


@contextmanager
def _trouble(line: Line | None = None) -> Iterator[None]:
    """Turn the database's errors into ours, and begin anew with a fresh connection after any."""
    try:
        yield
    except OutcomeUnknown:
        if line is not None:
            line.drop()
        raise
    except (psycopg.Error, *TROUBLE) as fault:
        error = translated(fault)
        if line is not None:
            line.drop()
        raise error from cause_of(error, fault)
