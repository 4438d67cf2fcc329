"""Sessions in SQL."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import structs
from sqlalchemy import (
    Connection,
    Select,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from coatcheck.authority import Found, LookUp
from coatcheck.model.principal import Kind
from coatcheck.model.session import Ending, Session
from coatcheck.model.session_data import SessionData
from coatcheck.stores.sql.driver_statement import DriverStatement
from coatcheck.stores.sql.look_up import found_in, statement_for
from coatcheck.stores.sql.tables import (
    IS_MACHINE,
    head,
    insert_unless_there,
    session_data,
    sessions,
)

_EVERYTHING: Final = select(head.c.everything_generation).scalar_subquery()
_IS_LIVE: Final = and_(sessions.c.ended_at.is_(None), sessions.c.everything_generation >= _EVERYTHING)
_THIS: Final = sessions.c.id == bindparam("session_id")

_ADD: Final = DriverStatement(insert(sessions), Session.__struct_fields__)
_GET: Final = DriverStatement(select(sessions).where(_THIS))
_LOCK: Final = DriverStatement(select(sessions).where(_THIS).with_for_update())
_SAVE: Final = DriverStatement(update(sessions).where(_THIS, _IS_LIVE), Session.__struct_fields__)
_END: Final = DriverStatement(
    update(sessions)
    .where(_THIS, sessions.c.ended_at.is_(None))
    .values(ended_at=bindparam("at"), ending=bindparam("why"))
)
_ARE_THEIRS: Final = and_(sessions.c.user_id == bindparam("whose"), sessions.c.kind == bindparam("kind"), _IS_LIVE)
_LIVE_OF: Final = select(sessions).where(_ARE_THEIRS).order_by(sessions.c.created_at.desc(), sessions.c.id.desc())
_COUNT_LIVE_OF: Final = DriverStatement(select(func.count().label("count")).where(_ARE_THEIRS))
_LIVE_PAGE: Final = (
    select(sessions)
    .where(IS_MACHINE, sessions.c.kind == bindparam("kind"), sessions.c.id > bindparam("after"), _IS_LIVE)
    .order_by(sessions.c.id)
    .limit(bindparam("most"))
)
_TOUCH: Final = (
    update(sessions).where(_THIS, _IS_LIVE, sessions.c.seen_at < bindparam("at")).values(seen_at=bindparam("at"))
)
_EXPIRED: Final = (
    select(sessions.c.id)
    .where(sessions.c.expires_at < bindparam("before"))
    .order_by(sessions.c.expires_at)
    .limit(bindparam("most"))
)
_ENDED: Final = (
    select(sessions.c.id)
    .where(sessions.c.ended_at < bindparam("before"))
    .order_by(sessions.c.ended_at)
    .limit(bindparam("most"))
)
_DELETE: Final = delete(sessions).where(sessions.c.id.in_(bindparam("ids", expanding=True)))
_COUNT_LIVE: Final = (
    select(func.count())
    .select_from(sessions)
    .where(_IS_LIVE, sessions.c.expires_at > bindparam("now"), sessions.c.kind == Kind.USER)
)

_IS_ALIVE: Final = select(sessions.c.id).where(_THIS, _IS_LIVE)
_GET_DATA: Final = (
    select(session_data).join(sessions, sessions.c.id == session_data.c.session_id).where(_THIS, _IS_LIVE)
)
_ADD_DATA: Final = insert_unless_there(session_data)
_SAVE_DATA: Final = update(session_data).where(
    session_data.c.session_id == bindparam("whose"), session_data.c.version == bindparam("expected_version")
)
_DROP_DATA: Final = DriverStatement(delete(session_data).where(session_data.c.session_id == bindparam("whose")))
_DELETE_DATA: Final = delete(session_data).where(session_data.c.session_id.in_(bindparam("ids", expanding=True)))


class SqlSessions:
    """See ``stores.port.Sessions``."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, session: Session) -> None:
        _ADD.defer(self._connection, structs.asdict(session))

    def lock(self, session_id: str) -> Session | None:
        return self._one(_LOCK, session_id)

    def get(self, session_id: str) -> Session | None:
        return self._one(_GET, session_id)

    def save(self, session: Session) -> bool:
        values = structs.asdict(session) | {"session_id": session.id}
        return _SAVE.count(self._connection, values) == 1

    def end(self, session_id: str, at: datetime, ending: Ending) -> bool:
        if _END.count(self._connection, {"session_id": session_id, "at": at, "why": ending}) != 1:
            return False
        _DROP_DATA.defer(self._connection, {"whose": session_id})
        return True

    def live_of(self, user_id: str, kind: Kind = Kind.USER) -> Sequence[Session]:
        return self._all(_LIVE_OF, {"whose": user_id, "kind": kind})

    def count_live_of(self, user_id: str, kind: Kind = Kind.USER) -> int:
        ((count,),) = _COUNT_LIVE_OF.all(self._connection, {"whose": user_id, "kind": kind})
        return count  # type: ignore[no-any-return]

    def live_page(self, kind: Kind, *, after: str | None = None, limit: int = 50) -> Sequence[Session]:
        return self._all(_LIVE_PAGE, {"kind": kind, "after": after or "", "most": limit})

    def look_up(self, asked: LookUp) -> Found:
        statement, parameters = statement_for(asked)
        return found_in(statement.all(self._connection, parameters), asked)

    def touch(self, seen: Mapping[str, datetime]) -> Collection[str]:
        if seen:
            self._connection.execute(_TOUCH, [{"session_id": session_id, "at": at} for session_id, at in seen.items()])
        return ()

    def purge(self, *, ended_before: datetime, expired_before: datetime, limit: int) -> int:
        # Two questions: for one with OR in it a database may read the whole table.
        ids = self._ids(_EXPIRED, expired_before, limit)
        ids |= self._ids(_ENDED, ended_before, limit - len(ids))
        if ids:
            doomed = {"ids": list(ids)}
            self._connection.execute(_DELETE_DATA, doomed)
            self._connection.execute(_DELETE, doomed)
        return len(ids)

    def count_live(self, now: datetime) -> int:
        return self._connection.execute(_COUNT_LIVE, {"now": now}).scalar_one()

    def get_data(self, session_id: str) -> SessionData | None:
        row = self._connection.execute(_GET_DATA, {"session_id": session_id}).first()
        return None if row is None else SessionData(**row._asdict())

    def put_data(self, row: SessionData, *, expected_version: int) -> bool:
        if self._connection.execute(_IS_ALIVE, {"session_id": row.session_id}).first() is None:
            return False
        if expected_version == 0:
            return self._connection.execute(_ADD_DATA, structs.asdict(row)).rowcount == 1
        values = {"whose": row.session_id, "expected_version": expected_version, **structs.asdict(row)}
        return self._connection.execute(_SAVE_DATA, values).rowcount == 1

    def _ids(self, statement: Select[Any], before: datetime, most: int) -> set[str]:
        return set(self._connection.execute(statement, {"before": before, "most": most}).scalars()) if most else set()

    def _one(self, statement: DriverStatement, session_id: str) -> Session | None:
        row = statement.first(self._connection, {"session_id": session_id})
        return None if row is None else Session(**row._asdict())

    def _all(self, statement: Select[Any], parameters: dict[str, Any]) -> Sequence[Session]:
        return [Session(**row._asdict()) for row in self._connection.execute(statement, parameters)]
