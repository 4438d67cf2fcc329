"""A store in this process's memory: for tests, for trying things out, for the simulation. Nothing survives the process.

Its heart is synchronous (``transact``, ``registry_transact`` and their reading twins), so it also works without a loop.
"""

from asyncio import AbstractEventLoop, get_running_loop
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from typing import TypeVar

from coatcheck.authority import Found, LookUp, News
from coatcheck.errors import StoreUnavailable
from coatcheck.stores.memory.attempts import MemoryAttempts
from coatcheck.stores.memory.audit import MemoryAudit
from coatcheck.stores.memory.keys import MemoryKeys
from coatcheck.stores.memory.log import MemoryLog
from coatcheck.stores.memory.registry import MemoryRegistry
from coatcheck.stores.memory.rows import Rows
from coatcheck.stores.memory.services import MemoryServices
from coatcheck.stores.memory.sessions import MemorySessions
from coatcheck.stores.memory.users import MemoryUsers
from coatcheck.stores.port import Committed, Registry, Transaction

Result = TypeVar("Result")
Face = TypeVar("Face")


class MemoryTransaction:
    """See ``stores.port.Transaction``."""

    __slots__ = ("attempts", "audit", "keys", "log", "services", "sessions", "users")

    def __init__(self, rows: Rows) -> None:
        self.users = MemoryUsers(rows)
        self.services = MemoryServices(rows)
        self.sessions = MemorySessions(rows)
        self.keys = MemoryKeys(rows)
        self.log = MemoryLog(rows)
        self.attempts = MemoryAttempts(rows)
        self.audit = MemoryAudit(rows)


class MemoryStore:
    """See ``stores.port.Store``. One unit of work runs at a time, in the thread that asks."""

    __slots__ = ("__weakref__", "_lock", "_registry", "_rows", "_transaction", "_watchers")

    def __init__(self) -> None:
        self._rows = Rows()
        self._transaction = MemoryTransaction(self._rows)
        self._registry = MemoryRegistry(self._rows)
        self._lock = Lock()
        self._watchers: dict[object, tuple[AbstractEventLoop, Callable[[], None]]] = {}

    def transact(self, work: Callable[[Transaction], Result]) -> Result:
        """Run ``work`` and keep what it did; when it raises, nothing happened."""
        return self.transact_and_tell(work).result

    def transact_and_tell(self, work: Callable[[Transaction], Result], *, awaited: bool = False) -> Committed[Result]:
        """The same, and say what it means to subscribers (``stores.port.Store.commit``)."""

        def whole(tx: MemoryTransaction) -> Committed[Result]:
            result = work(tx)
            events = tx.log.enter(awaited=awaited)
            return Committed(result, events, self._rows.head.position)

        return self._run(whole, self._transaction, may_write=True)

    def view(self, work: Callable[[Transaction], Result]) -> Result:
        """Run ``work``, which only reads."""
        return self._run(work, self._transaction, may_write=False)

    def registry_transact(self, work: Callable[[Registry], Result]) -> Result:
        """Run ``work`` over the registry and keep what it did."""
        return self._run(work, self._registry, may_write=True)

    def registry_view(self, work: Callable[[Registry], Result]) -> Result:
        """Run ``work`` over the registry, which it only reads."""
        return self._run(work, self._registry, may_write=False)

    async def open(self) -> None:
        """There is nothing to connect to."""

    async def close(self) -> None:
        """What is stored stays as long as this object."""

    async def write(self, work: Callable[[Transaction], Result], *, durable: bool = True) -> Result:  # noqa: ARG002
        return self.transact(work)

    async def commit(self, work: Callable[[Transaction], Result], *, awaited: bool = False) -> Committed[Result]:
        return self.transact_and_tell(work, awaited=awaited)

    async def read(
        self,
        work: Callable[[Transaction], Result],
        *,
        needs_snapshot: bool = True,  # noqa: ARG002
        takes_long: bool = False,  # noqa: ARG002
    ) -> Result:
        return self.view(work)

    async def look_up(self, asked: LookUp) -> Found:
        return await self.read(lambda tx: tx.sessions.look_up(asked))

    async def write_registry(self, work: Callable[[Registry], Result], *, durable: bool = True) -> Result:  # noqa: ARG002
        return self.registry_transact(work)

    async def read_registry(self, work: Callable[[Registry], Result]) -> Result:
        return self.registry_view(work)

    async def read_clock(self) -> None:
        return None

    def watch(
        self,
        changed: Callable[[], None],
        told: Callable[[News], None] | None = None,  # noqa: ARG002 - it is not known here what was committed
    ) -> Callable[[], None]:
        """Call ``changed`` soon after every commit that moves the log: several Auth objects may share this store."""
        mark = object()
        self._watchers[mark] = (get_running_loop(), changed)

        def stop() -> None:
            self._watchers.pop(mark, None)

        return stop

    @property
    def beside(self) -> str | None:
        return None

    def _run(self, work: Callable[[Face], Result], face: Face, *, may_write: bool) -> Result:
        rows = self._rows
        with self._lock:
            rows.begin()
            try:
                result = work(face)
                if not may_write and rows.is_changed:
                    raise StoreUnavailable("A read tried to write.")
            except BaseException:
                rows.roll_back()
                raise
            has_news = rows.log_is_changed
            rows.commit()
        if has_news and self._watchers:
            for loop, changed in list(self._watchers.values()):
                with suppress(RuntimeError):  # that loop is closed
                    loop.call_soon_threadsafe(changed)
        return result
