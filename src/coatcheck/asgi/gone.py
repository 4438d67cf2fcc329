"""What an application finds when the login of its client has ended: a client that is gone."""

from typing import Final

from starlette import websockets
from starlette.requests import ClientDisconnect
from starlette.websockets import WebSocketDisconnect

from coatcheck.errors import AuthError


class Gone(OSError):
    """The client can't be reached any more, since its login has ended.

    An OSError, as the ASGI specification wants it for what is sent after the end, so that frameworks understand it.
    """


def comes_of_going(error: BaseException) -> bool:
    """True for what an application raises because its client is gone, and nobody has to hear of."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(comes_of_going, error.exceptions))
    if (
        isinstance(error, RuntimeError) and error.__cause__ is not None
    ):  # Starlette's, for what it can't answer any more
        return comes_of_going(error.__cause__)
    return isinstance(error, _OF_GOING)


_OF_GOING: Final = (
    Gone,
    WebSocketDisconnect,
    ClientDisconnect,
    AuthError,
    getattr(websockets, "WebSocketDisconnected", Gone),  # Starlette's since 1.0, for whoever sends once more
)
