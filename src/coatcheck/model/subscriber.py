"""A row of the registry: one process that checks credentials."""

from datetime import datetime

from msgspec import Struct

from coatcheck.model.position import Position


class Registration(Struct, frozen=True, kw_only=True):
    """A subscriber as the store's side knows it.

    ``number`` is given by the store, fresh for each registration: late messages of an earlier one change nothing.
    ``since`` is the log's head when it registered: events up to there are in its first snapshot. ``acknowledged`` is
    the highest position it is known to have applied; one of an older epoch proves nothing. ``lease_ms`` is the largest
    lease ever granted to it (rule 2). ``accept_ms`` is None, or how long it goes on accepting after its lease ended
    (rule 8).
    ``credential`` is the id of the service credential it was given to, None for a process beside the store.
    ``lapsed_at`` marks a row that was given up; it still counts for every barrier until it is deleted (rule 15).
    """

    number: str
    name: str
    since: Position
    acknowledged: Position | None = None
    lease_ms: int
    accept_ms: int | None
    registered_at: datetime
    heard_at: datetime
    lapsed_at: datetime | None = None
    credential: str | None = None
