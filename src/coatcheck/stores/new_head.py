"""What the head of a brand-new log says."""

from typing import Final

from coatcheck.model.event import Head
from coatcheck.model.position import first_epoch

LEASE_MS: Final = 5_000
TOKEN_MS: Final = 600_000
DRIFT: Final = 0.10


def new_head() -> Head:
    """An empty history of its own, settled, with the default L, T and δ until ``set_parameters``."""
    return Head(
        epoch=first_epoch(),
        seq=0,
        event_id="",
        awaited=0,
        settled=True,
        everything_generation=1,
        lease_ms=LEASE_MS,
        token_ms=TOKEN_MS,
        drift=DRIFT,
        longest_lease_ms=LEASE_MS,
    )
