"""How much a Verifier knows, for whoever watches over it."""

from datetime import datetime, timedelta

from msgspec import Struct


class State(Struct, frozen=True, kw_only=True):
    """A Verifier's standing at one instant.

    ``fresh`` is True while the lease holds: checks are decided here, and what is revoked is refused. ``stale_since`` is
    when it ended, None while it holds or if there has never been one. ``behind_by`` is how long ago the server was last
    known to have nothing that is not known here; None before the first time. ``position`` is how far the log has been
    followed.
    """

    fresh: bool
    stale_since: datetime | None
    behind_by: timedelta | None
    position: str | None
