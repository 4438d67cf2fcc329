"""An entry of the audit trail: who did what to whom, when, from where, by which factors, and what came of it."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct, field

from coatcheck.model.identifiers import AUDIT, new_identifier


class Outcome(StrEnum):
    """What came of it."""

    SUCCEEDED = "succeeded"
    REFUSED = "refused"


class AuditEntry(Struct, frozen=True, kw_only=True):
    """One authentication event (OWASP ASVS 16.2.1, 16.3.1). Written in the transaction of what it tells of.

    ``kind`` is a dotted name such as ``login.succeeded``; docs/audit.md lists them all. ``user_id`` is whom it
    concerns, None when nobody is meant or an unknown e-mail address was tried. ``actor_id`` is who did it: the same for
    a person's own doing, an administrator, ``cli:ann@host`` for the command line, None for a stranger or the system.
    ``factors`` are what was proven or, where it was refused, tried (``pwd``: RFC 8176); empty where nothing was asked
    for. Never holds a secret, nor anything that was typed by somebody who was refused.
    """

    id: str = field(default_factory=lambda: new_identifier(AUDIT))
    at: datetime
    kind: str
    outcome: Outcome = Outcome.SUCCEEDED
    user_id: str | None = None
    actor_id: str | None = None
    session_id: str | None = None
    address: str = ""
    factors: tuple[str, ...] = ()
    detail: dict[str, str] = field(default_factory=dict)
