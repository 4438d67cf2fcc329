"""The origin rule: a cookie counts only in requests that our own pages, or allowed ones, have sent.

A browser adds cookies to requests that other sites cause. It also says, in headers that no script can set, where a
request comes from. This is the algorithm of Go's ``http.CrossOriginProtection`` (Fetch Metadata, then ``Origin``), made
stricter in two places:

- ``Origin`` is compared with the configured origins only, never with ``Host``, which a client writes.
- A request with neither ``Sec-Fetch-Site`` nor ``Origin`` is refused. Go lets it pass as no browser's; but whoever
  authenticates by cookie is a browser, or can send ``Origin``.

| ``Sec-Fetch-Site`` | ``Origin`` | |
|---|---|---|
| ``same-origin``, ``none`` | not looked at | passes |
| anything else, or missing | a configured one | passes |
| anything else, or missing | ``null``, another, or missing | refused |

In the first row ``Origin`` is not looked at because it says ``null`` where a page's Referrer-Policy is ``no-referrer``,
as ours is (Fetch standard, "append a request Origin header"). Safe methods pass: they change nothing. A WebSocket
upgrade is a GET that opens a door, and is held to the rule.
"""

from collections.abc import Iterable
from re import compile as pattern
from typing import Final

from coatcheck.carriers.raw import RawHeaders
from coatcheck.errors import Misconfigured, OriginRefused

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_NOT_SAID: Final = (
    "A request with a cookie must say which page sent it; a script uses a token in Authorization instead."
)
_ORIGIN: Final = pattern(r"https?://(?:[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?")


def origin_bytes(text: str) -> bytes:
    """Return a configured origin as a browser will send it.

    Raises Misconfigured for what could never be equal to that: upper case, a path or a slash at the end, a default
    port, ``*``, ``null``.
    """
    default_port = ":443" if text.startswith("https:") else ":80"
    if not _ORIGIN.fullmatch(text) or text.endswith(default_port):
        raise Misconfigured(f"not an origin as browsers write it, like https://app.example.com: {text[:100]!r}")
    return text.encode("ascii")


class OriginRule:
    """The rule for one installation: ``origins`` are its own and the allowed ones.

    Raises Misconfigured for one that could never match.
    """

    __slots__ = ("_origins",)

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = frozenset(map(origin_bytes, origins))

    def require(self, method: str, headers: RawHeaders) -> None:
        """Refuse a request that another site caused. To be asked wherever a cookie authenticates.

        Raises OriginRefused.
        """
        if method not in _SAFE:
            self.require_for_upgrade(headers)

    def require_for_upgrade(self, headers: RawHeaders) -> None:
        """Refuse a WebSocket upgrade that another site caused, whatever its method. Raises OriginRefused."""
        sites: list[bytes] = []
        origins: list[bytes] = []
        for name, value in headers:
            if name == b"origin":
                origins.append(value)
            elif name == b"sec-fetch-site":
                sites.append(value)
        if len(sites) > 1 or len(origins) > 1:
            raise OriginRefused
        if sites and sites[0] in (b"same-origin", b"none"):
            return
        if not origins:
            raise OriginRefused(_NOT_SAID)
        if origins[0] not in self._origins:
            raise OriginRefused
