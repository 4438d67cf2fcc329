"""The tables of a memory store, and the journal that takes a failed unit of work back."""

from datetime import datetime
from typing import Any, Final, TypeVar

from coatcheck.model.audit import AuditEntry
from coatcheck.model.event import Event, Happening, Head
from coatcheck.model.key import SigningKey
from coatcheck.model.service import Service
from coatcheck.model.session import Session
from coatcheck.model.session_data import SessionData
from coatcheck.model.subscriber import Registration
from coatcheck.model.user import User
from coatcheck.stores.new_head import new_head

K = TypeVar("K")
V = TypeVar("V")

_ABSENT: Final = object()


class Rows:
    """Dictionaries of immutable rows, and their indexes. Every change goes through ``put`` and ``drop``."""

    __slots__ = (
        "_begun_at",
        "appended",
        "attempts",
        "audit",
        "current_digests",
        "email_keys",
        "events",
        "floor",
        "head",
        "journal",
        "keys",
        "previous_digests",
        "registrations",
        "services",
        "session_data",
        "sessions",
        "sessions_of",
        "users",
    )

    def __init__(self) -> None:
        self.users: dict[str, User] = {}
        self.email_keys: dict[str, str] = {}
        self.services: dict[str, Service] = {}
        self.sessions: dict[str, Session] = {}
        self.current_digests: dict[bytes, str] = {}
        self.previous_digests: dict[bytes, str] = {}
        self.sessions_of: dict[str, dict[str, None]] = {}
        self.session_data: dict[str, SessionData] = {}
        self.keys: dict[str, SigningKey] = {}
        self.events: dict[int, Event] = {}
        self.appended: list[Happening] = []
        self.attempts: dict[str, tuple[int, datetime]] = {}
        self.audit: dict[str, AuditEntry] = {}
        self.registrations: dict[str, Registration] = {}
        self.head: Head = new_head()
        self.floor = 0
        self.journal: list[tuple[dict[Any, Any], Any, Any]] = []
        self._begun_at = (self.head, self.floor)

    def put(self, table: dict[K, V], key: K, row: V) -> None:
        """Insert or replace."""
        self.journal.append((table, key, table.get(key, _ABSENT)))
        table[key] = row

    def drop(self, table: dict[K, V], key: K) -> None:
        """Delete what is there."""
        self.journal.append((table, key, table.pop(key)))

    def begin(self) -> None:
        """Begin a unit of work."""
        self._begun_at = (self.head, self.floor)

    @property
    def is_changed(self) -> bool:
        """Whether this unit of work has changed anything."""
        return bool(self.journal or self.appended) or self._begun_at != (self.head, self.floor)

    @property
    def log_is_changed(self) -> bool:
        """Whether this unit of work has changed the head of the log."""
        return self._begun_at[0] is not self.head

    def commit(self) -> None:
        """Keep what the unit of work did."""
        self.journal.clear()

    def roll_back(self) -> None:
        """Take back what the unit of work did."""
        self.head, self.floor = self._begun_at
        self.appended.clear()
        while self.journal:
            table, key, before = self.journal.pop()
            if before is _ABSENT:
                del table[key]
            elif key in table:
                table[key] = before
            else:  # the oldest are deleted first, so it was there before all others
                others = dict(table)
                table.clear()
                table[key] = before
                table.update(others)
