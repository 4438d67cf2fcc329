"""What an application keeps beside a login is read. It ends with the session."""

from coatcheck.flows.parts.means import Means
from coatcheck.model.expiry import is_over
from coatcheck.model.session_data import SessionData
from coatcheck.stores.port import Transaction


async def get_session_data(means: Means, session_id: str) -> SessionData | None:
    """The data of a live session; None when nothing was kept or the session is over."""
    now, settings = means.now(), means.settings.sessions

    def work(tx: Transaction) -> SessionData | None:
        session = tx.sessions.get(session_id)
        if session is None or is_over(now, session, settings.flush_touches_every):
            return None
        return tx.sessions.get_data(session_id)

    return await means.store.read(work)
