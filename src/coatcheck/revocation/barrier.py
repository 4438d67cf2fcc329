"""Finding out that everybody has heard (rule 14).

A barrier for event ``n`` is over when every subscriber that could hold a lease from before ``n`` has acknowledged a
position of ``n`` or above, or when W has passed since the COMMIT was answered: by then every such lease has run out, on
however slow a clock.
"""

from collections.abc import Iterable
from typing import NamedTuple

from coatcheck.model.bound import bound, bound_of
from coatcheck.model.event import Head
from coatcheck.model.position import Position
from coatcheck.model.subscriber import Registration


class Standing(NamedTuple):
    """Where a barrier stands: whether it is over, who confirmed, who did not, and who of those is not bound.

    ``unbound_for`` is how many seconds after the COMMIT the last of the unbound ones can still accept.
    """

    is_over: bool
    confirmed: tuple[Registration, ...]
    silent: tuple[Registration, ...]
    unbound: tuple[Registration, ...]
    unbound_for: float


class Barrier:
    """The wait for event ``position.seq``.

    ``committed_at`` is the steady clock's reading after COMMIT was answered. ``longest`` is how many seconds it waits
    at most, by what was last seen.
    """

    def __init__(self, position: Position, committed_at: float) -> None:
        self.position = position
        self.committed_at = committed_at
        self.longest = 0.0

    def stand(self, registrations: Iterable[Registration], head: Head, steady: float) -> Standing:
        """Judge the registry as read after the commit, at ``steady`` noted before that read. ``head`` is read after the
        registry: if the store was replaced and the list with it, the epoch tells.

        A registration made at or above ``n`` does not count: its first snapshot holds the event. A marked one does
        (rule 15). In an epoch that is not settled, or is another one by now, acknowledgements prove nothing about those
        who still follow the old one, and the registry may lack some of them, so all of W is waited.
        """
        concerned = [row for row in registrations if not self._registered_after(row)]
        confirmed = tuple(row for row in concerned if self._has_acknowledged(row))
        silent = tuple(row for row in concerned if not self._has_acknowledged(row))
        is_settled = head.settled and head.epoch == self.position.epoch
        self.longest = bound_of(head, concerned, is_settled=is_settled)
        waited = steady - self.committed_at >= self.longest
        all_heard = not silent and is_settled
        unbound = tuple(row for row in silent if row.accept_ms is not None)
        accept = max((row.accept_ms or 0 for row in unbound), default=0)
        return Standing(waited or all_heard, confirmed, silent, unbound, self.longest + bound(accept, head.drift))

    def _registered_after(self, row: Registration) -> bool:
        return row.since.epoch == self.position.epoch and row.since.seq >= self.position.seq

    def _has_acknowledged(self, row: Registration) -> bool:
        known = row.acknowledged
        return known is not None and known.epoch == self.position.epoch and known.seq >= self.position.seq
