"""A store that can be switched off, for tests of what is answered without one."""

from typing import Any

from coatcheck.errors import StoreUnavailable
from coatcheck.stores.memory import MemoryStore


class MayGoAway(MemoryStore):
    """A memory store that is unavailable while ``is_away``. ``asked`` counts its units of work, refused ones too."""

    __slots__ = ("asked", "is_away")

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.is_away = False

    def _run(self, *arguments: Any, **how: Any) -> Any:
        self.asked += 1
        if self.is_away:
            raise StoreUnavailable
        return super()._run(*arguments, **how)
