"""What a barrier found out: who is known to have heard, who was waited out, and who is not bound."""

from datetime import datetime, timedelta

from msgspec import Struct

from coatcheck.model.position import Position


class Receipt(Struct, frozen=True, kw_only=True):
    """The proof that a revocation holds (rule 14).

    After it was returned, no check that begins anywhere accepts what was revoked, except at the subscribers named in
    ``unbound`` (they declared the ``accept`` policy and were not heard from), and there not after ``unbound_until``.

    ``confirmed`` acknowledged the event; ``waited_out`` did not, but their leases have run out since. Each is a tuple
    of names. ``took`` counts from COMMIT to this receipt.
    """

    position: Position
    confirmed: tuple[str, ...] = ()
    waited_out: tuple[str, ...] = ()
    unbound: tuple[str, ...] = ()
    unbound_until: datetime | None = None
    took: timedelta
