"""The local switch: forces ``deny`` in this process, for everything or for what a file lists, when nothing can be
written and so nothing can be ended (rule 19)."""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

from coatcheck.checking.checker import Checker
from coatcheck.upkeep.denial_file import Denied, read_denials

log = logging.getLogger("coatcheck")

LOOK_EVERY: Final = timedelta(milliseconds=500)
"""How often the file is looked for at least: what it lists is refused within a second."""


class LocalSwitch:
    """Keeps ``checker`` at what the file at ``path`` says; ``path`` is None where there can be no file. ``changed`` is
    called when something else is refused than before.

    The file is read, in another thread, and not only looked at: two changes within one tick of a file system's clock
    leave the same time. Beside it there is a switch for everything, which needs no disk at all: for signals.
    """

    def __init__(self, checker: Checker, path: Path | None, changed: Callable[[], None] = lambda: None) -> None:
        self._checker = checker
        self._changed = changed
        self._path = path
        self._is_thrown = False
        self._listed = Denied()
        self._applied = Denied()

    async def look(self) -> None:
        """Read the file, and refuse what it lists from now on."""
        listed = await asyncio.to_thread(read_denials, self._path)
        if listed.trouble and listed != self._listed:
            log.error("%s: everything is refused until it is put right or removed", listed.trouble)
        self._listed = listed
        self._apply()

    def throw(self, is_thrown: bool) -> None:
        """Refuse everything, or no more than the file says."""
        self._is_thrown = is_thrown
        self._apply()

    def _apply(self) -> None:
        wanted = self._listed
        if self._is_thrown or wanted.everything:
            wanted = Denied(everything=True)
        if wanted == self._applied:
            return
        self._applied = wanted
        self._checker.deny(everything=wanted.everything, identifiers=wanted.identifiers)
        self._changed()
        if wanted.everything:
            log.warning("The local switch refuses everything.")
        elif wanted:
            log.warning("The local switch refuses what is listed (entries: %d).", len(wanted.identifiers))
        else:
            log.warning("The local switch refuses nothing any more.")
