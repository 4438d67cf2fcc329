"""What somebody can bring about again and again is written into the audit trail once in a while."""

from datetime import datetime, timedelta
from typing import Final

from coatcheck.stores.port import Transaction

NOTED_EVERY: Final = timedelta(hours=1)
"""How often the same thing is written down where no limit of its own has a window."""


def is_first(tx: Transaction, mark: str, now: datetime, within: timedelta = NOTED_EVERY) -> bool:
    """True for the first who asks with this ``mark``, and for nobody else ``within`` that time. Read first, so that the
    rest of a flood writes nothing."""
    return tx.attempts.peek(mark, now) is None and tx.attempts.take(mark, now, within)[0] == 1
