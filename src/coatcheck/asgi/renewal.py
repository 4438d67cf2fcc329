"""What the middleware adds to an application's answer: a cookie renewed in passing, and unreadable cookies cleared.

The store is asked about every cookie once in a while anyway (``tokens.access_for``), and only then is its age looked
at. So the requests in between pay nothing for this.
"""

from typing import Any

from starlette.types import Message, Send

from coatcheck.asgi.arrival import Arrival
from coatcheck.carriers.cookies import Cookie, clear
from coatcheck.carriers.raw import RawHeader, RawHeaders
from coatcheck.web.renewal import renewed_cookie

_NOT_STORED: RawHeader = (b"cache-control", b"no-store")


def clearing(send: Send, cookies: tuple[Cookie, ...]) -> Send:
    """Have the answer remove ``cookies``, unless the application sets them itself."""

    async def adding(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message["headers"])
            lines = [(b"set-cookie", clear(cookie)) for cookie in cookies if not _sets(headers, cookie)]
            message = _with(message, headers, lines)
        await send(message)

    return adding


def renewing(send: Send, arrival: Arrival, cookie: Cookie) -> Send:
    """Have the answer replace the session cookie when it is due and the application asked who is there."""

    async def adding(message: Message) -> None:
        if message["type"] == "http.response.start" and arrival.remembered is not None:
            headers = list(message["headers"])
            if not _sets(headers, cookie) and not _is_shared(headers):
                line = await renewed_cookie(arrival.auth, arrival.presented, arrival.remembered, cookie)
                message = _with(message, headers, [] if line is None else [(b"set-cookie", line)])
        await send(message)

    return adding


def _sets(headers: RawHeaders, cookie: Cookie) -> bool:
    return any(name.lower() == b"set-cookie" and value.startswith(cookie.start) for name, value in headers)


def _is_shared(headers: RawHeaders) -> bool:
    """True when caches that serve many people may keep the answer: a cookie in it would log them in as this person."""
    said = b",".join(value.lower() for name, value in headers if name.lower() == b"cache-control")
    return b"public" in said or b"s-maxage" in said


def _with(message: Message, headers: list[RawHeader], lines: list[RawHeader]) -> Message:
    if not lines:
        return message
    kept: list[Any] = [line for line in headers if line[0].lower() != b"cache-control"]
    return {**message, "headers": [*kept, *lines, _NOT_STORED]}
