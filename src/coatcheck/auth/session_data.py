"""What an application keeps beside a session: ``auth.session_data``."""

from typing import Any, NamedTuple

from coatcheck.auth.opened import Opened
from coatcheck.flows.get_session_data import get_session_data
from coatcheck.flows.put_session_data import put_session_data


class Kept(NamedTuple):
    """The data, and the version to hand in when it is replaced."""

    data: dict[str, Any]
    version: int


class SessionDataFace:
    """A small JSON object for each session: a basket, a language, a draft. It ends with the session.

    Each call asks the store, so that every process reads what was written last; nothing decides about a credential by
    it, and changing it tells nobody.
    """

    def __init__(self, opened: Opened) -> None:
        self._opened = opened

    async def get(self, session_id: str) -> Kept:
        """The data and its version; empty and 0 when nothing was kept, and when the session is over.

        Raises StoreUnavailable.
        """
        row = await get_session_data(self._opened.ready, session_id)
        return Kept({}, 0) if row is None else Kept(row.data, row.version)

    async def put(self, session_id: str, data: dict[str, Any], expected_version: int) -> int:
        """Replace the data that ``get`` gave with ``expected_version``, and return the new version.

        Raises DataConflict when somebody else wrote in between (get it again and repeat), SessionEnded or
        SessionExpired when the session is over, RequestInvalid for what JSON can't hold, RequestTooLarge for more than
        ``sessions.data_limit`` bytes, StoreUnavailable.
        """
        row = await put_session_data(self._opened.ready, session_id, data, expected_version=expected_version)
        return row.version
