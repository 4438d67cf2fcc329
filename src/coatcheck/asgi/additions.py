"""What is added to an application's answer: a cookie renewed in passing, and unreadable cookies cleared.

The store is asked about every cookie once in a while anyway (``tokens.access_for``), and only then is its age looked
at. So the requests in between pay nothing for this.
"""

from typing import Any, Protocol

from starlette.types import Message

from coatcheck.auth import Auth
from coatcheck.carriers.cookies import Cookie, clear
from coatcheck.carriers.presented import Presented
from coatcheck.carriers.raw import RawHeader, RawHeaders
from coatcheck.checking.cache import Remembered
from coatcheck.problems import NOT_STORED
from coatcheck.web.renewal import renewed_cookie


class Addition(Protocol):
    """Something that the beginning of an answer still lacks."""

    async def to(self, message: Message) -> Message:
        """The ``http.response.start`` that is sent instead of ``message``."""
        ...


class Lacking(Protocol):
    """Whatever an addition can be left with, for the way out."""

    addition: Addition | None


class Clearing:
    """Removes ``cookies``, unless the application sets them itself."""

    __slots__ = ("_cookies",)

    def __init__(self, cookies: tuple[Cookie, ...]) -> None:
        self._cookies = cookies

    async def to(self, message: Message) -> Message:
        """See ``Addition``."""
        headers = list(message["headers"])
        return _with(message, headers, [clear(cookie) for cookie in self._cookies if not _sets(headers, cookie)])


class Renewing:
    """Replaces the session cookie when it is due, unless the application sets it or lets others see the answer."""

    __slots__ = ("_auth", "_cookie", "_presented", "_remembered")

    def __init__(self, auth: Auth, presented: Presented, remembered: Remembered, cookie: Cookie) -> None:
        self._auth, self._presented, self._remembered, self._cookie = auth, presented, remembered, cookie

    async def to(self, message: Message) -> Message:
        """See ``Addition``."""
        headers = list(message["headers"])
        if _sets(headers, self._cookie) or _is_shared(headers):
            return message
        line = await renewed_cookie(self._auth, self._presented, self._remembered, self._cookie)
        return _with(message, headers, [] if line is None else [line])


def _sets(headers: RawHeaders, cookie: Cookie) -> bool:
    return any(name.lower() == b"set-cookie" and value.startswith(cookie.start) for name, value in headers)


def _is_shared(headers: RawHeaders) -> bool:
    """True when caches that serve many people may keep the answer: a cookie in it would log them in as this person."""
    said = b",".join(value.lower() for name, value in headers if name.lower() == b"cache-control")
    return b"public" in said or b"s-maxage" in said


def _with(message: Message, headers: list[RawHeader], cookies: list[bytes]) -> Message:
    if not cookies:
        return message
    kept: list[Any] = [line for line in headers if line[0].lower() != b"cache-control"]
    return {**message, "headers": [*kept, *((b"set-cookie", line) for line in cookies), NOT_STORED]}
