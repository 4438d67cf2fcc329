"""CORS for the JSON API: an exact list of origins, with credentials (Fetch standard, "CORS protocol").

An origin is never echoed unless it is on the list, ``null`` and patterns can't be on it, and ``*`` stands only on what
is public anyway and carries nothing of a person. Every answer says ``Vary: Origin``, or a cache would hand one site the
permission of another.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from coatcheck.carriers.origin import origin_bytes
from coatcheck.carriers.raw import RawHeader, RawHeaders, values_of

FOR_ANYBODY: Final[tuple[RawHeader, ...]] = ((b"access-control-allow-origin", b"*"),)
"""For the key set and the metadata alone: without credentials, by definition."""

_REMEMBER_FOR: Final = timedelta(minutes=10)
_VARY: Final[RawHeader] = (b"vary", b"Origin")
_METHODS: Final = b"GET, POST, PATCH, DELETE"
_HEADERS: Final = b"Authorization, Content-Type"
_EXPOSED: Final = b"Retry-After, WWW-Authenticate"


class Cors:
    """The list for one installation. Raises Misconfigured for an origin that a browser would never send."""

    __slots__ = ("_origins",)

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = frozenset(map(origin_bytes, origins))

    def answer(self, headers: RawHeaders) -> tuple[RawHeader, ...]:
        """Header lines to append to the answer to a request with these headers, an error's answer included."""
        allowed = self._allowed(headers)
        if not allowed:
            return (_VARY,)
        return (*allowed, (b"access-control-expose-headers", _EXPOSED))

    def preflight(self, method: str, headers: RawHeaders) -> tuple[RawHeader, ...] | None:
        """Header lines of the 204 that answers a preflight; None when the request is no preflight.

        An origin that is not on the list gets the same 204 without permission: the browser then refuses by itself.
        """
        if method != "OPTIONS" or not values_of(headers, b"access-control-request-method"):
            return None
        allowed = self._allowed(headers)
        if not allowed:
            return (_VARY,)
        return (
            *allowed,
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-allow-headers", _HEADERS),
            (b"access-control-max-age", b"%d" % (_REMEMBER_FOR // timedelta(seconds=1))),
        )

    def _allowed(self, headers: RawHeaders) -> tuple[RawHeader, ...]:
        origins = values_of(headers, b"origin")
        if len(origins) != 1 or origins[0] not in self._origins:
            return ()
        return (
            _VARY,
            (b"access-control-allow-origin", origins[0]),
            (b"access-control-allow-credentials", b"true"),
        )
