"""What an application keeps beside a login is replaced.

Nothing checks credentials by it, so no checker remembers it and no event tells of it (rule 10 of
``docs/revocation.md``).
"""

from typing import Any

from coatcheck.errors import DataConflict, SessionEnded, SessionExpired
from coatcheck.flows.parts.means import Means
from coatcheck.model.expiry import is_over
from coatcheck.model.session_data import SessionData, check_data
from coatcheck.stores.port import Transaction


async def put_session_data(
    means: Means, session_id: str, data: dict[str, Any], *, expected_version: int
) -> SessionData:
    """Replace the data that is at ``expected_version``, 0 where there is none yet.

    Raises DataConflict when somebody else was first, SessionEnded and SessionExpired when the session is over,
    RequestInvalid and RequestTooLarge for what can't be kept.
    """
    now, settings = means.now(), means.settings.sessions
    check_data(data, settings.data_limit)
    row = SessionData(session_id=session_id, version=expected_version + 1, data=data, updated_at=now)

    def work(tx: Transaction) -> None:
        session = tx.sessions.lock(session_id)
        if session is None or session.ended_at is not None:
            raise SessionEnded
        if session.everything_generation < tx.log.head().everything_generation:
            raise SessionEnded
        if is_over(now, session, settings.flush_touches_every):
            raise SessionExpired
        if not tx.sessions.put_data(row, expected_version=expected_version):
            raise DataConflict

    await means.store.write(work)
    return row
