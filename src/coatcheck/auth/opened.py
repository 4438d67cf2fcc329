"""What ``Auth`` and its faces work with between ``open`` and ``stop``."""

from typing import TypeVar

from coatcheck.errors import Misconfigured
from coatcheck.flows.parts.means import Means
from coatcheck.model.receipt import Receipt
from coatcheck.stores.authority import StoreAuthority
from coatcheck.stores.port import Committed
from coatcheck.tokens.derivation import Secrets
from coatcheck.upkeep.engine import Engine

Result = TypeVar("Result")
Part = TypeVar("Part")


class Opened:
    """The parts of an open Auth; each raises Misconfigured where it is not open."""

    __slots__ = ("_authority", "_engine", "_means", "_secrets")

    def __init__(self) -> None:
        self._engine: Engine | None = None
        self._means: Means | None = None
        self._secrets: Secrets | None = None
        self._authority: StoreAuthority | None = None

    def __bool__(self) -> bool:
        return self._engine is not None

    def fill(self, *, engine: Engine, means: Means, secrets: Secrets, authority: StoreAuthority) -> None:
        """Begin to be open."""
        self._authority = authority
        self._secrets, self._means, self._engine = secrets, means, engine

    def take_engine(self) -> Engine | None:
        """Cease to check; return what has to be stopped, if anything has."""
        engine, self._engine = self._engine, None
        return engine

    def take_means(self) -> Means | None:
        """Cease to work; return what has to be closed, if anything has."""
        means, self._means = self._means, None
        return means

    @property
    def running(self) -> Engine:
        """What checks credentials and follows the log."""
        return _there(self._engine)

    @property
    def ready(self) -> Means:
        """What flows work with."""
        return _there(self._means)

    @property
    def secrets(self) -> Secrets:
        """The master secrets."""
        return _there(self._secrets)

    @property
    def authority(self) -> StoreAuthority:
        """What subscribers ask, here and elsewhere."""
        return _there(self._authority)

    async def enforce(self, committed: Committed[Result], *, wait: bool) -> Receipt | None:
        """Make a committed change hold: here at once and, with ``wait``, everywhere before this returns.

        Raises StoreUnavailable when the registry can't be read: the change holds within W all the same.
        """
        return await self.running.enforcer.enforce(committed.events, committed.position, wait=wait)


def _there(part: Part | None) -> Part:
    if part is None:
        raise Misconfigured("Auth has not been started: use `async with auth`, or the middleware's lifespan")
    return part
