"""What a credential is: head, session, its owner and key in one statement, so that what it says was all true at one
position (rule 9)."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, and_, bindparam, null, or_, select, text, true

from coatcheck.authority import Found, LookUp
from coatcheck.model.key import KeyStatus
from coatcheck.model.position import Position
from coatcheck.model.principal import Kind
from coatcheck.model.service import ServiceStatus
from coatcheck.stores.found import found
from coatcheck.stores.sql.driver_statement import DriverStatement
from coatcheck.stores.sql.tables import head, keys, services, sessions, users

_LOOKED_AT: Final = (
    "id",
    "user_id",
    "generation",
    "everything_generation",
    "secret_digest",
    "amr",
    "organisation",
    "authenticated_at",
    "stepped_at",
    "seen_at",
    "expires_at",
    "idle_for",
    "ended_at",
    "kind",
    "scopes",
)


def _statement(*, by_digest: bool, by_id: bool, with_key: bool) -> DriverStatement:
    if by_digest:
        digest = bindparam("digest", type_=sessions.c.secret_digest.type)
        match = or_(sessions.c.secret_digest == digest, sessions.c.previous_digest == digest)
    else:
        match = sessions.c.id == bindparam("session_id") if by_id else ~true()
    columns: list[ColumnElement[Any]] = [
        head.c.epoch,
        head.c.seq,
        head.c.everything_generation.label("everything"),
        *(sessions.c[name] for name in _LOOKED_AT),
        users.c.version,
        users.c.roles,
        users.c.status,
        services.c.version.label("service_version"),
        services.c.status.label("service_status"),
    ]
    rows = head.outerjoin(sessions, match).outerjoin(users, users.c.id == sessions.c.user_id)
    is_service = text(f"{sessions.name}.kind = '{Kind.SERVICE}'")
    rows = rows.outerjoin(services, and_(is_service, services.c.id == sessions.c.user_id))
    if with_key:
        is_valid = text(f"{keys.name}.status <> '{KeyStatus.REVOKED}'")
        rows = rows.outerjoin(keys, and_(keys.c.kid == bindparam("kid"), is_valid))
        columns.append(keys.c.kid)
    else:
        columns.append(null().label("kid"))
    return DriverStatement(select(*columns).select_from(rows))


_STATEMENTS: Final = {
    (by_digest, by_id, with_key): _statement(by_digest=by_digest, by_id=by_id, with_key=with_key)
    for by_digest in (True, False)
    for by_id in (True, False)
    for with_key in (True, False)
}


class _ServiceRow(NamedTuple):
    version: int
    status: ServiceStatus


def statement_for(asked: LookUp) -> tuple[DriverStatement, dict[str, Any]]:
    """The statement that asks it, and its parameters."""
    statement = _STATEMENTS[asked.digest is not None, asked.session_id is not None, asked.kid is not None]
    return statement, {"digest": asked.digest, "session_id": asked.session_id, "kid": asked.kid}


def found_in(rows: Sequence[Any], asked: LookUp) -> Found:
    """What the statement's rows say."""
    # There can be two in theory: somebody's current secret and somebody's previous one. The current one counts.
    row = next((each for each in rows if each.secret_digest == asked.digest), rows[0]) if rows[1:] else rows[0]
    return found(
        asked,
        position=Position(row.epoch, row.seq),
        everything_generation=row.everything,
        session=None if row.id is None else row,
        user=None if row.status is None else row,
        service=None if row.service_status is None else _ServiceRow(row.service_version, row.service_status),
        key_is_valid=asked.kid is None or row.kid is not None,
    )
