"""What ``coatcheck doctor`` looks at in PostgreSQL: what would make it forget, and how many servers it has room for."""

from collections.abc import Iterator
from typing import Any, Final

from coatcheck.cli.doctor.check import Check
from coatcheck.settings import Settings
from coatcheck.stores.looking import looking
from coatcheck.stores.postgres.store import CONNECTIONS

_SEEN: Final = """
SELECT current_setting('fsync') = 'on' AS forces, current_setting('full_page_writes') = 'on' AS writes_whole_pages,
       current_setting('synchronous_commit') AS commits, current_setting('synchronous_standby_names') AS standbys,
       current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS most,
       (SELECT count(*) FROM pg_stat_replication) AS replicas,
       coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS is_sealed,
       inet_server_addr() IS NULL OR inet_server_addr() = inet_client_addr() AS is_here
"""


def postgres(settings: Settings) -> Iterator[Check]:
    """Raises StoreUnavailable when it can't be reached."""
    with looking(settings.database) as connection:
        if connection is None:
            return
        row = connection.exec_driver_sql(_SEEN).one()
    yield from _durability(row)
    yield Check(
        "connections",
        "ok",
        f"{row.most} at most: room for {row.most // CONNECTIONS} processes of {CONNECTIONS} connections",
    )
    if not row.is_sealed and not row.is_here:
        yield Check(
            "wire",
            "warning",
            "the connection to PostgreSQL is not encrypted",
            "Add ?sslmode=verify-full to COATCHECK_DATABASE_URL.",
        )


def _durability(row: Any) -> Iterator[Check]:
    if not row.forces or not row.writes_whole_pages:
        yield Check(
            "durability",
            "problem",
            "fsync or full_page_writes is off: a crash may revive what was ended, or destroy the database",
            "Set both to on in postgresql.conf.",
        )
    elif row.replicas and not row.standbys:
        yield Check(
            "durability",
            "warning",
            "its standbys are asynchronous: a failover may forget what was ended a moment before",
            "Name them in synchronous_standby_names, or begin a new epoch after each failover (`coatcheck schema "
            "restored`).",
        )
    else:
        yield Check("durability", "ok", "what was acknowledged outlives a crash")
