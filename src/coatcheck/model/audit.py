"""An entry of the audit trail: who did what to whom, when and from where."""

from datetime import datetime

from msgspec import Struct, field

from coatcheck.model.identifiers import AUDIT, new_identifier


class AuditEntry(Struct, frozen=True, kw_only=True):
    """One authentication event (OWASP ASVS 16.3). Written in the transaction of what it tells of.

    ``kind`` is a dotted name such as ``login.succeeded``. ``user_id`` is whom it concerns, ``actor_id`` who did it (the
    same for a person's own doing, None for a stranger or the system). Never holds a secret.
    """

    id: str = field(default_factory=lambda: new_identifier(AUDIT))
    at: datetime
    kind: str
    user_id: str | None = None
    actor_id: str | None = None
    session_id: str | None = None
    address: str = ""
    detail: dict[str, str] = field(default_factory=dict)
