"""Sessions in memory."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec import structs

from coatcheck.authority import Found, LookUp
from coatcheck.errors import DataConflict
from coatcheck.model.key import KeyStatus
from coatcheck.model.principal import Kind
from coatcheck.model.session import Ending, Session
from coatcheck.model.session_data import SessionData
from coatcheck.stores.found import found
from coatcheck.stores.memory.rows import Rows


def _apart(row: SessionData) -> SessionData:
    """The same row with data of its own, as JSON would give it back."""
    return structs.replace(row, data=msgspec.json.decode(msgspec.json.encode(row.data)))


class MemorySessions:
    """See ``stores.port.Sessions``."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def add(self, session: Session) -> None:
        rows = self._rows
        if session.id in rows.sessions or session.secret_digest in rows.current_digests:
            raise DataConflict
        rows.put(rows.sessions, session.id, session)
        self._index(session)
        rows.put(rows.sessions_of.setdefault(session.user_id, {}), session.id, None)

    def lock(self, session_id: str) -> Session | None:
        return self.get(session_id)  # one unit of work runs at a time: everything is held already

    def get(self, session_id: str) -> Session | None:
        return self._rows.sessions.get(session_id)

    def save(self, session: Session) -> bool:
        rows = self._rows
        before = rows.sessions.get(session.id)
        if before is None or not self._is_live(before):
            return False
        if rows.current_digests.get(session.secret_digest, session.id) != session.id:
            raise DataConflict
        self._unindex(before)
        rows.put(rows.sessions, session.id, session)
        self._index(session)
        if session.user_id != before.user_id:
            rows.drop(rows.sessions_of[before.user_id], session.id)
            rows.put(rows.sessions_of.setdefault(session.user_id, {}), session.id, None)
        return True

    def end(self, session_id: str, at: datetime, ending: Ending) -> bool:
        rows = self._rows
        session = rows.sessions.get(session_id)
        if session is None or session.ended_at is not None:
            return False
        rows.put(rows.sessions, session_id, structs.replace(session, ended_at=at, ending=ending))
        self._drop_data(session_id)
        return True

    def live_of(self, user_id: str, kind: Kind = Kind.USER) -> Sequence[Session]:
        sessions = map(self._rows.sessions.__getitem__, self._rows.sessions_of.get(user_id, ()))
        live = [session for session in sessions if session.kind is kind and self._is_live(session)]
        live.sort(key=lambda session: (session.created_at, session.id), reverse=True)
        return live

    def count_live_of(self, user_id: str, kind: Kind = Kind.USER) -> int:
        return len(self.live_of(user_id, kind))

    def live_page(self, kind: Kind, *, after: str | None = None, limit: int = 50) -> Sequence[Session]:
        found = [
            session
            for session in self._rows.sessions.values()
            if session.kind is kind and self._is_live(session) and (after is None or session.id > after)
        ]
        return sorted(found, key=lambda session: session.id)[:limit]

    def look_up(self, asked: LookUp) -> Found:
        rows = self._rows
        session_id = asked.session_id
        if asked.digest is not None:
            session_id = rows.current_digests.get(asked.digest) or rows.previous_digests.get(asked.digest)
        session = None if session_id is None else rows.sessions.get(session_id)
        key = None if asked.kid is None else rows.keys.get(asked.kid)
        return found(
            asked,
            position=rows.head.position,
            everything_generation=rows.head.everything_generation,
            session=session,
            user=None if session is None else rows.users.get(session.user_id),
            service=None if session is None else rows.services.get(session.user_id),
            key_is_valid=asked.kid is None or (key is not None and key.status is not KeyStatus.REVOKED),
        )

    def touch(self, seen: Mapping[str, datetime]) -> Collection[str]:
        rows = self._rows
        for session_id, at in seen.items():
            session = rows.sessions.get(session_id)
            if session is not None and self._is_live(session) and at > session.seen_at:
                rows.put(rows.sessions, session_id, structs.replace(session, seen_at=at))
        return ()

    def purge(self, *, ended_before: datetime, expired_before: datetime, limit: int) -> int:
        over = [
            session
            for session in self._rows.sessions.values()
            if session.expires_at < expired_before or (session.ended_at is not None and session.ended_at < ended_before)
        ][:limit]
        for session in over:
            self._unindex(session)
            self._rows.drop(self._rows.sessions_of[session.user_id], session.id)
            self._rows.drop(self._rows.sessions, session.id)
            self._drop_data(session.id)
        return len(over)

    def count_live(self, now: datetime) -> int:
        return sum(
            self._is_live(session) and session.expires_at > now and session.kind is Kind.USER
            for session in self._rows.sessions.values()
        )

    def get_data(self, session_id: str) -> SessionData | None:
        session, kept = self._rows.sessions.get(session_id), self._rows.session_data.get(session_id)
        return _apart(kept) if session is not None and kept is not None and self._is_live(session) else None

    def put_data(self, row: SessionData, *, expected_version: int) -> bool:
        rows = self._rows
        session, kept = rows.sessions.get(row.session_id), rows.session_data.get(row.session_id)
        version = 0 if kept is None else kept.version
        if session is None or not self._is_live(session) or version != expected_version:
            return False
        rows.put(rows.session_data, row.session_id, _apart(row))
        return True

    def _drop_data(self, session_id: str) -> None:
        if session_id in self._rows.session_data:
            self._rows.drop(self._rows.session_data, session_id)

    def _is_live(self, session: Session) -> bool:
        return session.ended_at is None and session.everything_generation >= self._rows.head.everything_generation

    def _index(self, session: Session) -> None:
        rows = self._rows
        rows.put(rows.current_digests, session.secret_digest, session.id)
        if session.previous_digest is not None:
            rows.put(rows.previous_digests, session.previous_digest, session.id)

    def _unindex(self, session: Session) -> None:
        rows = self._rows
        rows.drop(rows.current_digests, session.secret_digest)
        if session.previous_digest is not None and rows.previous_digests.get(session.previous_digest) == session.id:
            rows.drop(rows.previous_digests, session.previous_digest)
