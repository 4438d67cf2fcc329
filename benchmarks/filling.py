"""Fills a PostgreSQL database with people, logins and audit entries, all made inside the server.

Everything is random as in real life: identifiers and digests are hashes of a number, so that ``session_token``,
``session_id`` and ``user_id`` can name each row without asking. Ten logins for a person; one in five has been over for
two days and waits to be purged, one in twenty ended an hour ago, the others live. One audit entry for each login.
Indexes are made when the rows are there, which for ten million of them takes minutes instead of hours.
"""

from datetime import UTC, datetime
from hashlib import md5, sha256
from typing import Any, Final

import psycopg

from coatcheck.authority import LookUp
from coatcheck.stores.sql.tables import audit, sessions, users

PEOPLE_SHARE: Final = 10
"""Logins for each person."""

SPENT_SHARE: Final = 5
"""One login in so many waits to be purged: number 5, 10, 15 and so on."""

_DAY: Final = 86_400_000_000
_HOUR: Final = _DAY // 24
_BASE32: Final = str.maketrans("0189", "wxyz")

# A hash as hexadecimal digits, in the letters of an identifier.
_NAMED: Final = "'{kind}_' || translate(substr(md5('{what} ' || {number}), 1, 26), '0189', 'wxyz')"
_USER: Final = _NAMED.format(kind="usr", what="user", number="n")
_OWNER: Final = _NAMED.format(kind="usr", what="user", number=f"(n / {PEOPLE_SHARE})")
_SESSION: Final = _NAMED.format(kind="ses", what="session", number="n")
_ENTRY: Final = _NAMED.format(kind="aud", what="entry", number="n")

_USERS: Final = f"""
INSERT INTO {users.name} (id, email, email_key, name, password_hash, roles, status, version, created_at,
    password_changed_at, data, found_by)
SELECT {_USER}, 'person' || n || '@example.com', 'person' || n || '@example.com', 'Person ' || n, %(password_hash)s,
    '[]', 'active', 1, %(now)s - {_DAY} * 300, %(now)s - {_DAY} * 300, '{{}}',
    'person' || n || '@example.com' || chr(10) || 'person ' || n
FROM generate_series(0, %(last)s) AS n
"""  # noqa: S608 - names from our own tables

_SESSIONS: Final = f"""
INSERT INTO {sessions.name} (id, user_id, carry, generation, step, secret_digest, stepped_at, stepped_with,
    everything_generation, created_at, authenticated_at, seen_at, expires_at, idle_for, remember, amr, audiences,
    device, address, ended_at, ending)
SELECT {_SESSION}, {_OWNER}, 'header', 1, 1, sha256(('session ' || n)::bytea), began, '', %(everything)s, began, began,
    began + {_HOUR}, CASE WHEN is_spent THEN %(now)s - {_DAY} * 2 - n ELSE %(now)s + {_DAY} * 2 + began %% {_DAY} END,
    {_DAY} * 30, false, '["pwd"]', '[]', 'Firefox on Linux', '198.51.100.' || n %% 250,
    CASE WHEN n %% 20 = 1 THEN %(now)s - {_HOUR} - n %% {_HOUR} END, CASE WHEN n %% 20 = 1 THEN 'logout' END
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
CROSS JOIN LATERAL (SELECT n %% {SPENT_SHARE} = 0 AS is_spent,
    %(now)s - {_DAY} * 5 + (hashint8(n)::bigint + 2147483648) * 100 AS began) AS made
"""  # noqa: S608

_AUDIT: Final = f"""
INSERT INTO {audit.name} (id, at, kind, user_id, actor_id, session_id, address, detail, factors)
SELECT {_ENTRY}, %(now)s - {_DAY} * 5 + n, 'login.succeeded', {_OWNER}, {_OWNER}, {_SESSION},
    '198.51.100.' || n %% 250, '{{"device": "Firefox on Linux", "carry": "header"}}', '["pwd"]'
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
"""  # noqa: S608

_AT_ONCE: Final = 500_000


def user_id(number: int) -> str:
    """Of the person with this number, from 0."""
    return _named("usr", f"user {number}")


def email(number: int) -> str:
    """Of the same."""
    return f"person{number}@example.com"


def session_id(number: int) -> str:
    """Of the login with this number, from 0; its owner is ``number // PEOPLE_SHARE``."""
    return _named("ses", f"session {number}")


def look_up_of(number: int) -> LookUp:
    """What a check asks about that login."""
    return LookUp(digest=sha256(f"session {number}".encode()).digest())


def live(numbers: int) -> list[int]:
    """Those of the first ``numbers`` logins that live."""
    return [number for number in range(numbers) if number % SPENT_SHARE and number % 20 != 1]


def fill(url: str, logins: int, *, password_hash: str = "") -> None:
    """Put so many logins into the database at ``url``, whose tables are there and hold nobody yet."""
    now = int(datetime.now(UTC).timestamp() * 1_000_000)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off; SET maintenance_work_mem = '512MB'")
        indexes = [index for table in (users, sessions, audit) for index in _without_indexes(connection, table.name)]
        people = {"password_hash": password_hash, "now": now, "last": max(0, logins // PEOPLE_SHARE - 1)}
        connection.execute(_USERS, people)
        for first in range(0, logins, _AT_ONCE):
            last = min(first + _AT_ONCE, logins) - 1
            connection.execute(_SESSIONS, {"first": first, "last": last, "now": now, "everything": 1})
            connection.execute(_AUDIT, {"first": first, "last": last, "now": now})
        for make in indexes:
            connection.execute(make)
        for table in (users, sessions, audit):
            connection.execute(f"VACUUM (ANALYZE) {table.name}")
        connection.execute("CHECKPOINT")


def read_into_memory(url: str) -> None:
    """Read every page of people and logins, indexes too, into the server's own memory, where there is room for them."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET enable_seqscan = off; SET enable_indexscan = off; SET work_mem = '256MB'")
        for table, columns in ((users, ("id", "email_key")), (sessions, ("id", "secret_digest", "expires_at"))):
            for column in columns:
                least = {"secret_digest": "''::bytea", "expires_at": "0"}.get(column, "''")
                connection.execute(f"SELECT count(name) FROM {table.name} WHERE {column} >= {least}")  # noqa: S608
        connection.execute(f"SELECT count(name) FROM {sessions.name} WHERE user_id >= '' AND ended_at IS NULL")  # noqa: S608


def _without_indexes(connection: "psycopg.Connection[Any]", table: str) -> list[str]:
    """Drop the indexes of ``table``; the statements that make them again."""
    found = connection.execute(
        """
        SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid), conname, pg_get_constraintdef(c.oid)
        FROM pg_index LEFT JOIN pg_constraint c ON conindid = indexrelid WHERE indrelid = %s::regclass
        """,
        [table],
    ).fetchall()
    for name, _, constraint, _ in found:
        dropped = f"DROP INDEX {name}" if constraint is None else f"ALTER TABLE {table} DROP CONSTRAINT {constraint}"
        connection.execute(dropped)
    return [
        made if constraint is None else f"ALTER TABLE {table} ADD CONSTRAINT {constraint} {definition}"
        for _, made, constraint, definition in found
    ]


def _named(kind: str, what: str) -> str:
    return f"{kind}_{md5(what.encode(), usedforsecurity=False).hexdigest()[:26].translate(_BASE32)}"
