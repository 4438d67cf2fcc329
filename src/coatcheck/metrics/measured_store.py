"""A store, and how long it takes: the port again, around any store."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Final, TypeVar, get_args

from coatcheck.authority import Found, LookUp, News
from coatcheck.errors import Broken
from coatcheck.histogram import Histogram
from coatcheck.model.event import Happening

if TYPE_CHECKING:
    from datetime import datetime

    from coatcheck.stores.port import Committed, Registry, Store, Transaction

Result = TypeVar("Result")

_KINDS: Final[tuple[str, ...]] = tuple(kind.__struct_config__.tag for kind in get_args(Happening))


class MeasuredStore:
    """Does what ``store`` does. ``took`` has a histogram for each operation, ``failed`` counts how often the store
    could not do it, ``events`` what was appended to the log, by kind."""

    def __init__(self, store: "Store") -> None:
        self._store = store
        self.took: defaultdict[str, Histogram] = defaultdict(Histogram)
        self.failed: Counter[str] = Counter()
        # From nought, each: Prometheus sees no increase in a counter that begins at 1.
        self.events: Counter[str] = Counter(dict.fromkeys(_KINDS, 0))

    async def open(self) -> None:
        """As the store does."""
        await self._store.open()

    async def close(self) -> None:
        """As the store does."""
        await self._store.close()

    async def write(self, work: "Callable[[Transaction], Result]", *, durable: bool = True) -> Result:
        """As the store does; measured as ``write``."""
        with self._measured("write"):
            return await self._store.write(work, durable=durable)

    async def commit(self, work: "Callable[[Transaction], Result]", *, awaited: bool = False) -> "Committed[Result]":
        """As the store does; measured as ``write``."""
        with self._measured("write"):
            committed = await self._store.commit(work, awaited=awaited)
        for event in committed.events:
            self.events[event.happening.__struct_config__.tag] += 1  # type: ignore[index]
        return committed

    async def read(
        self, work: "Callable[[Transaction], Result]", *, needs_snapshot: bool = True, takes_long: bool = False
    ) -> Result:
        """As the store does; measured as ``read``."""
        with self._measured("read"):
            return await self._store.read(work, needs_snapshot=needs_snapshot, takes_long=takes_long)

    async def look_up(self, asked: LookUp) -> Found:
        """As the store does; measured as ``read``."""
        with self._measured("read"):
            return await self._store.look_up(asked)

    async def write_registry(self, work: "Callable[[Registry], Result]", *, durable: bool = True) -> Result:
        """As the store does; measured as ``registry_write``."""
        with self._measured("registry_write"):
            return await self._store.write_registry(work, durable=durable)

    async def read_registry(self, work: "Callable[[Registry], Result]") -> Result:
        """As the store does; measured as ``registry_read``."""
        with self._measured("registry_read"):
            return await self._store.read_registry(work)

    async def read_clock(self) -> "datetime | None":
        """As the store does."""
        return await self._store.read_clock()

    def watch(self, changed: Callable[[], None], told: "Callable[[News], None] | None" = None) -> Callable[[], None]:
        """As the store does."""
        return self._store.watch(changed, told)

    @property
    def beside(self) -> str | None:
        """As the store has it."""
        return self._store.beside

    @contextmanager
    def _measured(self, operation: str) -> Iterator[None]:
        began = perf_counter()
        try:
            yield
        except Broken:
            self.failed[operation] += 1
            raise
        finally:
            self.took[operation].add(perf_counter() - began)
