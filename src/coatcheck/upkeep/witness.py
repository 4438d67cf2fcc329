"""A local file that remembers the newest event this machine has seen, so that a store that went back in time is noticed
(rule 17)."""

import asyncio
import logging
import os
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from coatcheck.errors import Misconfigured
from coatcheck.model.event import Head
from coatcheck.model.position import Position
from coatcheck.stores.port import Store

log = logging.getLogger("coatcheck")


class Sighting(Struct, frozen=True):
    """What was seen: the position, as text, and the id of the event there."""

    position: str
    event_id: str


_UNNOTICED: Final = "should the database go back in time, nobody here notices"


class Witness:
    """Reads and writes the file at ``path``; without one it remembers nothing (``Settings.witness``)."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._written: Sighting | None = None
        self._is_failing = False
        self._passed_over: Sighting | None = None
        self._contradicted: tuple[Position, str] | None = None

    async def follow(self, store: Store, position: Position, event_id: str) -> None:
        """Remember the newest event that was applied here, if history has come to it from what the file has seen.

        Another process of this machine may have seen more. What it has seen and the store does not tell any more stays:
        whoever starts is to be told of it, until a new epoch has begun (rule 17). Raises StoreUnavailable.
        """
        sighting = _sighting((position, event_id))
        if self._path is None or sighting in (self._written, self._passed_over):
            return
        seen = await asyncio.to_thread(self.recall)
        if seen is None or (seen[0] < position and not await self._is_another_history(store, seen, position)):
            await asyncio.to_thread(self.remember, position, event_id)
        else:
            self._passed_over = sighting

    async def _is_another_history(self, store: Store, seen: tuple[Position, str], position: Position) -> bool:
        """True when the history that came to ``position`` has never been at what was ``seen``, in the same epoch. What
        this process has written itself need not be asked for: it has followed the log from there."""
        if seen[0].epoch != position.epoch or _sighting(seen) == self._written:
            return False
        head = await _back_in_time(store, seen)
        if head is not None and seen != self._contradicted:
            self._contradicted = seen
            log.error(self._warning(seen, head))
        return head is not None

    def remember(self, position: Position, event_id: str) -> None:
        """Write the newest sighting, atomically; does nothing when it is not news. Failing to write is no failure of
        the process, for the file is a help and the store's log is the truth; it is said once."""
        sighting = _sighting((position, event_id))
        if self._path is None or sighting == self._written:
            return
        draft = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        try:
            draft.write_bytes(msgspec.json.encode(sighting))
            draft.chmod(0o600)
            draft.replace(self._path)
        except OSError as fault:
            if not self._is_failing:
                log.warning("%s can't be written (%s): %s", self._path, fault.strerror, _UNNOTICED)
            self._is_failing = True
            return
        self._written, self._is_failing = sighting, False

    def recall(self) -> tuple[Position, str] | None:
        """The newest sighting; None when there is none that can be read. ``trouble`` tells which."""
        found = self._read()
        return None if isinstance(found, str) else found

    def trouble(self) -> str:
        """Why it can't be read, or not be written by this process; empty where both can be, be it there or not yet."""
        if self._path is None:
            return ""
        found, folder = self._read(), self._path.parent
        if isinstance(found, str):
            return found
        if not folder.is_dir():
            return f"the folder of {self._path} is not there"
        return "" if os.access(folder, os.W_OK | os.X_OK) else f"{folder} can't be written to by this user"

    def _read(self) -> tuple[Position, str] | str | None:
        """What was seen; a sentence why it can't be read; None where nothing was seen."""
        if self._path is None:
            return None
        try:
            sighting = msgspec.json.decode(self._path.read_bytes(), type=Sighting)
            return Position.parse(sighting.position), sighting.event_id
        except FileNotFoundError:
            return None
        except OSError as fault:
            return f"{self._path} can't be read ({fault.strerror})"
        except (ValueError, msgspec.DecodeError):
            return f"{self._path} does not hold what a server writes there"

    async def require_no_return(self, store: Store) -> None:
        """Raise Misconfigured when the store is older than what was seen here: a backup was put back.

        Starting then would revive what had been ended; ``coatcheck schema restored`` ends everything that was issued
        before and begins a new epoch.
        """
        seen = self._read()
        if isinstance(seen, str):
            log.warning("%s: %s", seen, _UNNOTICED)
            return
        if seen is None:
            return
        head = await _back_in_time(store, seen)
        if head is not None:
            raise Misconfigured(self._warning(seen, head))

    def _warning(self, seen: tuple[Position, str], head: Head) -> str:
        return (
            f"this database went back in time: {self._path} has seen event {seen[0]}, the database ends at "
            f"{head.position} or tells another history. If a backup was restored, run `coatcheck schema restored`."
        )


async def _back_in_time(store: Store, seen: tuple[Position, str]) -> Head | None:
    """The head of a log that can't be a continuation of what was ``seen``; None where it can."""
    head, event_id, floor = await store.read(
        lambda tx: (tx.log.head(), tx.log.event_id_at(seen[0].seq), tx.log.floor())
    )
    return head if is_back_in_time(seen, head, event_id, floor) else None


def _sighting(seen: tuple[Position, str]) -> Sighting:
    return Sighting(str(seen[0]), seen[1])


def is_back_in_time(seen: tuple[Position, str], head: Head, event_id_there: str | None, floor: int) -> bool:
    """True when the log that ends in ``head`` cannot be a continuation of what was ``seen``."""
    position, event_id = seen
    if head.epoch != position.epoch:
        return head.epoch < position.epoch
    if head.seq < position.seq:
        return True
    return position.seq > floor and position.seq > 0 and event_id_there != event_id
