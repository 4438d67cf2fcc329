"""Before anything serves: open everything once. A PostgreSQL that is away is waited for."""

import asyncio
import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from coatcheck.cli.environment import settings_from
from coatcheck.errors import StoreUnavailable

if TYPE_CHECKING:
    from coatcheck.settings import Settings

log = logging.getLogger("coatcheck.serve")

_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 5.0
"""Seconds between two tries."""


async def rehearse(begin_to_log: Callable[[], None]) -> None:
    """Open everything once, so that whatever is wrong is said once and plainly, and upgrade the tables.

    After a power cut a server may be back before its database is: a PostgreSQL that is away is waited for, without end,
    and each reason is logged once. Each try reads the settings anew, so a file that was corrected meanwhile counts.

    Raises Misconfigured at once, and StoreUnavailable for a store that lies on this machine: nothing brings it back.
    """
    heard: set[str] = set()
    pause = _FIRST_PAUSE
    while reason := await _what_is_missing(settings_from(os.environ)):
        if not heard:
            begin_to_log()
        if reason not in heard:
            log.warning("waiting for the database: %s", reason)
            heard.add(reason)
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
    if heard:
        log.info("the database answers")


async def _what_is_missing(settings: "Settings") -> str:
    """Why the database can't be opened, or nothing."""
    from coatcheck.auth import Auth

    auth = Auth(settings)
    try:
        await auth.open()
    except StoreUnavailable as fault:
        if not settings.is_shared:
            raise
        return fault.in_full
    finally:
        await auth.stop()
    return ""
