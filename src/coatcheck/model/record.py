"""What a checker remembers of a login between requests: a session, its user, and where in the log that was true."""

from datetime import datetime, timedelta

from msgspec import Struct

from coatcheck.model.position import Position
from coatcheck.model.principal import Kind


class Record(Struct, frozen=True, kw_only=True):
    """The store's answer to "what is this credential?", true at ``stamp``.

    It is read in one statement together with the log's head (rule 9), so whatever was revoked up to ``stamp`` is in it,
    and whatever is revoked later is an event above ``stamp``. ``superseded`` is True when the credential is the
    predecessor of the current one: it is good for a short grace after ``stepped_at``, and its ``authenticated_at`` is
    the one from before. ``user_id`` is the owner, a service where ``kind`` says so; ``user_version`` is the owner's.
    An API key has ``scopes``, and no roles.
    """

    session_id: str
    user_id: str
    generation: int
    user_version: int
    everything_generation: int
    stamp: Position
    roles: tuple[str, ...]
    amr: tuple[str, ...]
    organisation: str | None
    authenticated_at: datetime
    stepped_at: datetime
    seen_at: datetime
    expires_at: datetime
    idle_for: timedelta
    superseded: bool = False
    kind: Kind = Kind.USER
    scopes: tuple[str, ...] = ()
