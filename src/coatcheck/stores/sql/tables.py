"""The tables. A column has the name of the field that it keeps.

Columns that came later have a default, which the rows from before have since. Indexes cover part of a table where that
is all that is asked for: an index costs every write, and one of nulls is wasted. Sessions outlive their owner's row
(they are ended then), so there is no foreign key between the two.
"""

from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TextClause,
    bindparam,
    text,
)

from coatcheck.model.audit import Outcome
from coatcheck.model.event import Happening
from coatcheck.model.key import Algorithm, KeyStatus
from coatcheck.model.principal import Kind
from coatcheck.model.service import ServiceStatus
from coatcheck.model.session import Carry, Ending
from coatcheck.model.user import UserStatus
from coatcheck.stores.sql.types import EpochText, Instant, Json, Named, Number, Span

PREFIX: Final = "coatcheck_"

metadata: Final = MetaData()
"""Everything but the registry."""

registry_metadata: Final = MetaData()
"""The registry, which may live in a database of its own."""


def _partial(name: str, *columns: Column[Any], where: ColumnElement[bool] | TextClause, unique: bool = False) -> Index:
    return Index(PREFIX + name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


users: Final = Table(
    PREFIX + "users",
    metadata,
    Column("id", Text, primary_key=True),
    Column("email", Text, nullable=False),
    Column("email_key", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("password_hash", Text),
    Column("roles", Json(tuple[str, ...]), nullable=False),
    Column("status", Named(UserStatus), nullable=False),
    Column("version", Number, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("password_changed_at", Instant, nullable=False),
    Column("data", Json(dict[str, object]), nullable=False),
    Column("found_by", Text, nullable=False, doc="E-mail and name, case folded: what a search looks through."),
)
Index(PREFIX + "users_email_key", users.c.email_key, unique=True)
HAS_ROLES: Final = text("roles <> '[]'")
_partial("users_with_roles", users.c.status, where=HAS_ROLES)

sessions: Final = Table(
    PREFIX + "sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("carry", Named(Carry), nullable=False),
    Column("generation", Number, nullable=False),
    Column("step", Number, nullable=False),
    Column("secret_digest", LargeBinary, nullable=False),
    Column("previous_digest", LargeBinary),
    Column("stepped_at", Instant, nullable=False),
    Column("stepped_with", Text, nullable=False),
    Column("everything_generation", Number, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("authenticated_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("idle_for", Span, nullable=False),
    Column("remember", Boolean, nullable=False),
    Column("amr", Json(tuple[str, ...]), nullable=False),
    Column("audiences", Json(tuple[str, ...]), nullable=False),
    Column("device", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("organisation", Text),
    Column("ended_at", Instant),
    Column("ending", Named(Ending)),
    Column("kind", Named(Kind), nullable=False, server_default="user"),
    Column("name", Text, nullable=False, server_default=""),
    Column("scopes", Json(tuple[str, ...]), nullable=False, server_default="[]"),
    Column("public_key", Text),
    # Room in each page: moving ``seen_at``, which no index covers, then leaves the indexes alone. And what was purged
    # is cleared away when it is one row in a hundred, not one in five: until then every batch walks over it.
    postgresql_with={"fillfactor": 90, "autovacuum_vacuum_scale_factor": 0.01},
)
Index(PREFIX + "sessions_secret_digest", sessions.c.secret_digest, unique=True)
_partial("sessions_previous_digest", sessions.c.previous_digest, where=sessions.c.previous_digest.is_not(None))
_partial("sessions_live", sessions.c.user_id, where=sessions.c.ended_at.is_(None))
_partial("sessions_ended_at", sessions.c.ended_at, where=sessions.c.ended_at.is_not(None))
Index(PREFIX + "sessions_expires_at", sessions.c.expires_at)
IS_MACHINE: Final = text("kind <> 'user'")
_partial("sessions_machines", sessions.c.kind, sessions.c.id, where=IS_MACHINE)

session_data: Final = Table(
    PREFIX + "session_data",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("version", Number, nullable=False),
    Column("data", Json(dict[str, Any]), nullable=False),
    Column("updated_at", Instant, nullable=False),
)

services: Final = Table(
    PREFIX + "services",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("audiences", Json(tuple[str, ...]), nullable=False),
    Column("scopes", Json(tuple[str, ...]), nullable=False),
    Column("feed", Boolean, nullable=False),
    Column("status", Named(ServiceStatus), nullable=False),
    Column("version", Number, nullable=False),
    Column("created_at", Instant, nullable=False),
)

keys: Final = Table(
    PREFIX + "keys",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("algorithm", Named(Algorithm), nullable=False),
    Column("status", Named(KeyStatus), nullable=False),
    Column("public_key", Text),
    Column("sealed_private_key", LargeBinary, nullable=False),
    Column("sealed_under", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("usable_from", Instant, nullable=False),
    Column("status_since", Instant, nullable=False),
)
_partial("keys_one_of_each", keys.c.status, where=text("status IN ('current', 'upcoming')"), unique=True)

head: Final = Table(
    PREFIX + "head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("epoch", EpochText, nullable=False),
    Column("seq", Number, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("awaited", Number, nullable=False),
    Column("settled", Boolean, nullable=False),
    Column("everything_generation", Number, nullable=False),
    Column("lease_ms", Number, nullable=False),
    Column("token_ms", Number, nullable=False),
    Column("drift", Float, nullable=False),
    Column("floor", Number, nullable=False),
    Column("longest_lease_ms", Number, nullable=False, server_default="0"),
)

events: Final = Table(
    PREFIX + "events",
    metadata,
    Column("seq", Number, primary_key=True, autoincrement=False),
    Column("event_id", Text, nullable=False),
    Column("happening", Json(Happening), nullable=False),
)

attempts: Final = Table(
    PREFIX + "attempts",
    metadata,
    Column("key", Text, primary_key=True),
    Column("count", Number, nullable=False),
    Column("ends_at", Instant, nullable=False),
)
Index(PREFIX + "attempts_ends_at", attempts.c.ends_at)

audit: Final = Table(
    PREFIX + "audit",
    metadata,
    Column("number", Number, primary_key=True),
    Column("id", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("kind", Text, nullable=False),
    Column("user_id", Text),
    Column("actor_id", Text),
    Column("session_id", Text),
    Column("address", Text, nullable=False),
    Column("detail", Json(dict[str, str]), nullable=False),
    Column("outcome", Named(Outcome), nullable=False, server_default="succeeded"),
    Column("factors", Json(tuple[str, ...]), nullable=False, server_default="[]"),
)
Index(PREFIX + "audit_id", audit.c.id, unique=True)
_partial("audit_user_id", audit.c.user_id, audit.c.number, where=audit.c.user_id.is_not(None))
Index(PREFIX + "audit_kind", audit.c.kind, audit.c.number)

registrations: Final = Table(
    PREFIX + "registrations",
    registry_metadata,
    Column("number", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("since_epoch", EpochText, nullable=False),
    Column("since_seq", Number, nullable=False),
    Column("acknowledged_epoch", EpochText),
    Column("acknowledged_seq", Number),
    Column("lease_ms", Number, nullable=False),
    Column("accept_ms", Number),
    Column("registered_at", Instant, nullable=False),
    Column("heard_at", Instant, nullable=False),
    Column("lapsed_at", Instant),
    Column("credential", Text),
)


def insert_unless_there(table: Table) -> TextClause:
    """An INSERT that a unique index may turn into nothing, without failing the transaction; all databases agree."""
    names = [column.name for column in table.columns]
    marks = ", ".join(f":{name}" for name in names)
    statement = text(f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks}) ON CONFLICT DO NOTHING")  # noqa: S608
    return statement.bindparams(*(bindparam(column.name, type_=column.type) for column in table.columns))
