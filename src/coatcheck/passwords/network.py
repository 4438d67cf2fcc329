"""Which addresses count as one."""

from ipaddress import IPv4Address, ip_address
from typing import Final

UNKNOWN: Final = "unknown"


def network_of(address: str) -> str:
    """Return the network that ``address`` stands for: an IPv4 address, or the /64 of an IPv6 one.

    One customer gets a whole /64, so its addresses are one. IPv4-mapped addresses and 6to4 count as the IPv4 address in
    them. What is no address at all (a Unix socket, a test client) is ``"unknown"``: one network, however many texts.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return UNKNOWN
    if isinstance(parsed, IPv4Address):
        return str(parsed)
    embedded = parsed.ipv4_mapped or parsed.sixtofour
    if embedded is not None:
        return str(embedded)
    return f"{ip_address(parsed.packed[:8] + bytes(8))}/64"
