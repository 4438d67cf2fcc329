"""What a page shows of a session, a user, a key or an audit entry: a row in a list, already in words.

A row holds only what is shown: no digest, no sealed key, no password hash can reach a template.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from coatcheck.model.audit import AuditEntry
from coatcheck.model.key import KeyStatus, SigningKey
from coatcheck.model.session import Session
from coatcheck.model.user import User, UserStatus
from coatcheck.web.entries import details_of, what_happened, who_did_it
from coatcheck.web.times import Moment
from coatcheck.web.user_agents import device_name


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """A line of a device list. ``is_current`` marks the session that the page was asked with."""

    id: str
    device: str
    address: str
    seen: Moment
    since: Moment
    expires: Moment
    is_remembered: bool
    is_current: bool

    @classmethod
    def of(cls, session: Session, *, now: datetime, current_id: str | None = None) -> "SessionRow":
        """Describe ``session`` as seen at ``now``; ``current_id`` is the session of whoever is looking."""
        return cls(
            id=session.id,
            device=device_name(session.device),
            address=session.address or "address not known",
            seen=Moment.of(session.seen_at, now),
            since=Moment.of(session.created_at, now),
            expires=Moment.of(session.expires_at, now),
            is_remembered=session.remember,
            is_current=session.id == current_id,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRow:
    """A person in an administrator's list. ``is_viewer`` marks the administrator who is looking."""

    id: str
    email: str
    name: str
    roles: tuple[str, ...]
    is_suspended: bool
    has_password: bool
    sessions: int
    created: Moment
    is_viewer: bool

    @classmethod
    def of(cls, user: User, *, now: datetime, sessions: int, viewer_id: str) -> "UserRow":
        """Describe ``user`` as seen at ``now``, with the number of ``sessions`` that are live."""
        return cls(
            id=user.id,
            email=user.email,
            name=user.name,
            roles=user.roles,
            is_suspended=user.status is UserStatus.SUSPENDED,
            has_password=user.password_hash is not None,
            sessions=sessions,
            created=Moment.of(user.created_at, now),
            is_viewer=user.id == viewer_id,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """A signing key in an administrator's list."""

    kid: str
    algorithm: str
    status: str
    created: Moment
    usable_from: Moment
    status_since: Moment
    is_revoked: bool

    @classmethod
    def of(cls, key: SigningKey, *, now: datetime) -> "KeyRow":
        """Describe ``key`` as seen at ``now``."""
        return cls(
            kid=key.kid,
            algorithm=key.algorithm.value,
            status=key.status.value,
            created=Moment.of(key.created_at, now),
            usable_from=Moment.of(key.usable_from, now),
            status_since=Moment.of(key.status_since, now),
            is_revoked=key.status is KeyStatus.REVOKED,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One entry of the audit trail: what, when, by whom, from where."""

    at: Moment
    what: str
    detail: str
    by: str
    address: str

    @classmethod
    def of(cls, entry: AuditEntry, *, now: datetime, names: Mapping[str, str] | None = None) -> "AuditRow":
        """Describe ``entry`` as seen at ``now``; ``names`` says how to call users by id, where that is known."""
        return cls(
            at=Moment.of(entry.at, now),
            what=what_happened(entry),
            detail=details_of(entry),
            by=who_did_it(entry, names or {}),
            address=entry.address,
        )
