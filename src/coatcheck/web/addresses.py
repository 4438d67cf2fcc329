"""The client's network address, seen through the proxies that are trusted and no others.

``X-Forwarded-For`` is a list that everybody on the way may have written: the client the left end, our own proxies the
right one. So it is read from the right, only when the peer itself is trusted, and only as far as trust reaches. All
other headers that claim an address, a host or a scheme (``X-Real-IP``, ``Forwarded``, ``X-Forwarded-Host``…) are never
read.
"""

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, Final

from coatcheck.carriers.raw import values_of
from coatcheck.errors import Misconfigured

UNKNOWN: Final = ""
"""The address of a peer that has none, such as a Unix socket."""

_MOST_HOPS: Final = 32
_LONGEST_HOP: Final = 64


class ClientAddresses:
    """Reads addresses for one installation; ``trusted_proxies`` are networks in CIDR notation.

    Raises Misconfigured for a text that is no network.
    """

    __slots__ = ("_trusted",)

    def __init__(self, trusted_proxies: Iterable[str]) -> None:
        try:
            self._trusted = tuple(map(ip_network, trusted_proxies))
        except ValueError as fault:
            raise Misconfigured(f"web.trusted_proxies must be networks like 10.0.0.10/32: {fault}") from fault

    def of(self, scope: Mapping[str, Any]) -> str:
        """Return the client's address in its canonical text, or UNKNOWN.

        It is the rightmost hop that is not a trusted proxy. Where a trusted proxy names no address that can be read,
        its own is the last thing that is known.
        """
        peer = scope.get("client")
        known = _parsed(peer[0]) if peer else None
        if known is None:
            return UNKNOWN
        if self._trusted and self._trusts(known):
            for hop in self._hops(scope):
                further = _parsed(hop)
                if further is None:
                    break
                known = further
                if not self._trusts(known):
                    break
        return str(known)

    def is_proxy(self, scope: Mapping[str, Any]) -> bool:
        """True when the peer itself is a trusted proxy, so that what it says of somebody else's request counts."""
        peer = scope.get("client")
        known = _parsed(peer[0]) if peer else None
        return known is not None and self._trusts(known)

    @staticmethod
    def _hops(scope: Mapping[str, Any]) -> list[str]:
        """The last hops of ``X-Forwarded-For``, the nearest first."""
        forwarded = b",".join(values_of(scope["headers"], b"x-forwarded-for"))
        hops = forwarded.decode("latin-1").rsplit(",", _MOST_HOPS)[-_MOST_HOPS:]
        return [_without_port(hop.strip(" \t")) for hop in reversed(hops)]

    def _trusts(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._trusted)


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    if len(text) > _LONGEST_HOP or "%" in text:  # a zone means something on one machine only
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _without_port(hop: str) -> str:
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop
