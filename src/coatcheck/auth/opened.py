"""What ``Auth`` and its faces work with between ``open`` and ``stop``."""

from typing import NamedTuple, TypeVar

from coatcheck.errors import Misconfigured
from coatcheck.flows.parts.means import Means
from coatcheck.model.receipt import Receipt
from coatcheck.stores.authority import StoreAuthority
from coatcheck.stores.port import Committed
from coatcheck.tokens.derivation import Secrets
from coatcheck.upkeep.engine import Engine

Result = TypeVar("Result")


class Parts(NamedTuple):
    """What has to be there all at once."""

    engine: Engine
    means: Means
    secrets: Secrets
    authority: StoreAuthority


class Opened:
    """The parts of an open Auth; each raises Misconfigured where it is not open."""

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        self._parts: Parts | None = None

    def __bool__(self) -> bool:
        return self._parts is not None

    def fill(self, parts: Parts) -> None:
        """Begin to be open."""
        self._parts = parts

    def take(self) -> Parts | None:
        """Cease to be open; return what has to be stopped, if anything has."""
        parts, self._parts = self._parts, None
        return parts

    @property
    def running(self) -> Engine:
        """What checks credentials and follows the log."""
        return self._there.engine

    @property
    def ready(self) -> Means:
        """What flows work with."""
        return self._there.means

    @property
    def secrets(self) -> Secrets:
        """The master secrets."""
        return self._there.secrets

    @property
    def authority(self) -> StoreAuthority:
        """What subscribers ask, here and elsewhere."""
        return self._there.authority

    async def enforce(self, committed: Committed[Result], *, wait: bool) -> Receipt | None:
        """Make a committed change hold: here at once and, with ``wait``, everywhere before this returns.

        Raises StoreUnavailable when the registry can't be read: the change holds within W all the same.
        """
        return await self.running.enforcer.enforce(committed.events, committed.position, wait=wait)

    @property
    def _there(self) -> Parts:
        if self._parts is None:
            raise Misconfigured("Auth is not open: use `async with auth`, or the middleware's lifespan")
        return self._parts
