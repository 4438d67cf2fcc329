"""What ``coatcheck doctor`` looks at in PostgreSQL: what would make it forget, how many servers it has room for, who
can listen on the way, and what time it is there."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from coatcheck.cli.doctor.check import Check
from coatcheck.settings import Settings
from coatcheck.stores.looking import looking
from coatcheck.stores.postgres.connect import driver
from coatcheck.stores.postgres.store import CONNECTIONS
from coatcheck.stores.sql.registry import SqlRegistry

_SEEN: Final = """
SELECT current_setting('fsync') = 'on' AS forces, current_setting('full_page_writes') = 'on' AS writes_whole_pages,
       current_setting('synchronous_commit') AS commits, current_setting('synchronous_standby_names') AS standbys,
       least(
           current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
           (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user),
           (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database())
       ) AS most,
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
        processes = sum(each.credential is None for each in SqlRegistry(connection).all())
        sslmode = _sslmode(driver(connection).pgconn.info)
        asked = datetime.now(UTC)
        there = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
        here = datetime.now(UTC)
    yield from _durability(row)
    yield connections(row.most, processes)
    yield clock(asked, there, here, leeway=settings.tokens.leeway)
    if not row.is_here:
        yield wire(is_sealed=row.is_sealed, sslmode=sslmode)


def connections(most: int, processes: int) -> Check:
    """Whether ``most`` connections are enough for that many processes, and for one more while a reload replaces one."""
    needed = (processes + 1) * CONNECTIONS
    says = f"{most} at most, {CONNECTIONS} for each process: room for {most // CONNECTIONS}; registered: {processes}"
    if processes and needed > most:
        return Check(
            "connections",
            "warning",
            f"{says}, and one more while a reload replaces one, so {needed} may be wanted",
            f"Set max_connections to {needed + CONNECTIONS} or more, or what limits the role or the database.",
        )
    return Check("connections", "ok", says)


def clock(asked: datetime, there: datetime, here: datetime, *, leeway: timedelta) -> Check:
    """Whether this machine, which ``asked`` then and heard the answer ``here``, knows the time of the database."""
    early, late = asked - there, here - there
    if max(early, -late) <= leeway:
        return Check("clock", "ok", "it is the database's")
    off, word = (early, "ahead of") if early > leeway else (-late, "behind")
    span = timedelta(seconds=round(off.total_seconds()))
    return Check(
        "clock",
        "warning",
        f"this machine's is {span} {word} the database's: logins and tokens end too early or too late by it",
        "Run a time daemon on both machines.",
    )


def wire(*, is_sealed: bool, sslmode: str) -> Check:
    """Who may listen between this machine and the database, or stand in for it."""
    mend = "Add ?sslmode=verify-full&sslrootcert=… (the authority's certificate) to COATCHECK_DATABASE_URL."
    if not is_sealed:
        return Check("wire", "warning", "the connection to PostgreSQL is not encrypted", mend)
    if sslmode != "verify-full":
        said = f"the connection to PostgreSQL is encrypted, but with sslmode={sslmode} nothing proves who answers"
        return Check("wire", "warning", said, mend)
    return Check("wire", "ok", "the connection to PostgreSQL is encrypted, and its certificate proves who answers")


def _sslmode(options: Any) -> str:
    """What libpq goes by, wherever it was said."""
    return next(((each.val or b"").decode() for each in options if each.keyword == b"sslmode"), "")


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
