"""What a request brought along, as the middleware left it in the scope for whoever asks.

A credential that memory can decide about has been decided about. One that the store has to be asked about waits until
somebody wants to know, so that a public route neither waits nor fails. A refusal waits likewise.
"""

from typing import Any, Final, TypeAlias

from msgspec import Struct
from starlette.requests import HTTPConnection

from coatcheck.auth import Auth
from coatcheck.carriers.presented import NotPresented, Presented
from coatcheck.checking.cache import Remembered
from coatcheck.checking.checker import Checker
from coatcheck.errors import Misconfigured, Refused

Connection: TypeAlias = HTTPConnection | dict[str, Any]
"""A request, a WebSocket, or a bare ASGI scope."""

KEY: Final = "coatcheck"
"""Where in the scope the arrival is."""


class Arrival(Struct):
    """One request's credential, and what is known of it.

    ``remembered`` is set once the credential was accepted, ``refusal`` once it is known why there is none; neither
    while the store would have to be asked. ``state`` is how much the replica knew when that was found out.
    """

    auth: Auth
    checker: Checker
    presented: Presented | NotPresented
    remembered: Remembered | None
    refusal: Refused | None
    state: int = -1

    def __repr__(self) -> str:
        return "Arrival(…)"

    async def settle(self) -> Remembered:
        """Decide now, from the newest knowledge, asking the store if need be.

        Raises the refusal, or CheckingStale or StoreUnavailable when nothing can be decided.
        """
        if self.refusal is not None:
            raise self.refusal.with_traceback(None)
        presented = self.presented
        if isinstance(presented, NotPresented):
            raise presented.error
        await self.auth.start()
        self.checker = self.auth.checker
        self.state = self.checker.replica.state
        try:
            self.remembered = await self.auth.recall(presented.token, presented.carried_by)
        except Refused as refusal:
            self.remembered, self.refusal = None, refusal
            raise
        return self.remembered


def arrival_of(connection: Connection) -> Arrival:
    """Return what the middleware found for this request or WebSocket. Raises Misconfigured when it is not installed."""
    scope = connection if isinstance(connection, dict) else connection.scope
    try:
        arrival: Arrival = scope[KEY]
    except KeyError:
        raise Misconfigured("AuthMiddleware is not installed: nobody has looked at this request") from None
    return arrival
