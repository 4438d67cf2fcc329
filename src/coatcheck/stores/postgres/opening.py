"""Creating the tables in PostgreSQL, or upgrading them, while others work over them.

Whoever waits to change a table has everybody wait who comes after, even to read; and a backup has all tables open until
it is done. So a change waits for a moment only, lets the others pass, and tries again, all of it from the beginning.
"""

import logging
import random
from time import monotonic, sleep
from typing import Final

from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from coatcheck.errors import StoreUnavailable
from coatcheck.model.position import Epoch
from coatcheck.stores.postgres.connect import driver, over, raw_connection
from coatcheck.stores.postgres.requirements import require_usable
from coatcheck.stores.sql import schema
from coatcheck.stores.sql.log import SqlLog
from coatcheck.stores.sql.tables import PREFIX

log = logging.getLogger("coatcheck")

_LOCK: Final = 0x636F6174636865
"""Whoever upgrades the tables holds this advisory lock: "coatche" in ASCII."""

_MOMENT_MS: Final = 1_000
"""How long a change waits for a table, milliseconds: less than a check waits behind it."""

_REST: Final = 1.0
"""Seconds between two tries, at the least."""

_HOLDERS: Final = f"""
SELECT DISTINCT coalesce(nullif(application_name, ''), usename::text, '?') || ' (pid ' || pid || ')'
FROM pg_locks JOIN pg_class ON pg_class.oid = relation JOIN pg_stat_activity USING (pid)
WHERE granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND relname LIKE '{PREFIX}%' AND pid <> pg_backend_pid() LIMIT 5
"""  # noqa: S608


def bring_up_to_date(parameters: str, *, within: float) -> Epoch:
    """Create the tables or upgrade them, over a connection of its own, in ``within`` seconds; return the epoch.

    Raises Misconfigured for a server or tables that can't be used, StoreUnavailable when others have the tables open
    for all that time, the driver's and SQLAlchemy's errors.
    """
    until, told = monotonic() + within, ""
    while True:
        left_ms = max(_MOMENT_MS, int((until - monotonic()) * 1000))
        raw = raw_connection(parameters, statement_timeout=left_ms, lock_timeout=left_ms)
        with raw, over(raw) as connection:
            require_usable(raw, parameters)
            epoch = _brought_up_to_date(connection)
            if epoch is not None:
                return epoch
            holders = ", ".join(sorted(name for (name,) in raw.execute(_HOLDERS))) or "somebody"
        if monotonic() >= until:
            raise StoreUnavailable(f"The tables can't be upgraded while others have them open: {holders}.")
        if holders != told:
            log.warning("the tables are to be upgraded, which waits for who has them open: %s", holders)
            told = holders
        sleep(_REST * (1 + random.random()))  # noqa: S311 - jitter


def _brought_up_to_date(connection: Connection) -> Epoch | None:
    """One try; None, with nothing changed, when a table could not be had in a moment."""
    raw = driver(connection)
    raw.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
    raw.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    raw.execute(f"SET LOCAL lock_timeout = {_MOMENT_MS}")
    try:
        for part in schema.PARTS:
            schema.bring_up_to_date(connection, part)
        SqlLog(connection).establish()
        epoch = SqlLog(connection).head().epoch
    except (LockNotAvailable, DBAPIError) as fault:
        if not isinstance(fault.orig if isinstance(fault, DBAPIError) else fault, LockNotAvailable):
            raise
        raw.execute("ROLLBACK")
        return None
    raw.execute("COMMIT")
    return epoch
