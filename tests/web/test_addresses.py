"""The client's address, in one spelling."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coatcheck.errors import Misconfigured
from coatcheck.web.addresses import UNKNOWN, ClientAddresses

TRUSTED = ClientAddresses(["127.0.0.1/32", "::1/128", "10.0.0.0/8"])


def scope(client: Any, forwarded: bytes | None = None) -> dict[str, Any]:
    headers = [] if forwarded is None else [(b"x-forwarded-for", forwarded)]
    return {"type": "http", "client": client, "headers": headers}


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("2001:DB8:0:0::7", "2001:db8::7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
    ],
)
def test_an_address_has_one_canonical_text(peer: str, address: str) -> None:
    assert TRUSTED.of(scope((peer, 1))) == address
    assert TRUSTED.of(scope(("127.0.0.1", 1), peer.encode())) == address


def test_a_mapped_peer_is_trusted_as_the_address_inside() -> None:
    assert TRUSTED.of(scope(("::ffff:127.0.0.1", 1), b"198.51.100.7")) == "198.51.100.7"


@pytest.mark.parametrize("client", [None, ("", 0), ("testclient", 50000), ("/run/app.sock", 0), ("fe80::1%eth0", 1)])
def test_a_peer_without_an_address_is_unknown_and_not_trusted(client: Any) -> None:
    assert TRUSTED.of(scope(client, b"198.51.100.7")) == UNKNOWN


@pytest.mark.parametrize(
    ("hop", "address"),
    [
        (b"198.51.100.7:4711", "198.51.100.7"),
        (b"[2001:db8::7]:4711", "2001:db8::7"),
        (b"[2001:db8::7]", "2001:db8::7"),
        (b"2001:db8::7", "2001:db8::7"),
    ],
)
def test_a_hop_may_name_a_port(hop: bytes, address: str) -> None:
    assert TRUSTED.of(scope(("10.0.0.1", 1), hop)) == address


@pytest.mark.parametrize(
    "hop", [b"", b"unknown", b"1.2.3", b"01.2.3.4", b"1.2.3.4.5", b"fe80::1%eth0", b"[::1", b"\xff"]
)
def test_a_hop_that_is_no_address_leaves_the_proxy_as_the_last_thing_known(hop: bytes) -> None:
    known = "::1" if hop == b"[::1" else "10.0.0.1"
    assert TRUSTED.of(scope(("10.0.0.1", 1), hop)) == known


@pytest.mark.parametrize("network", ["10.0.0.1/8", "proxy.internal", "", "10.0.0.0/33", "*"])
def test_what_is_no_network_is_misconfigured(network: str) -> None:
    with pytest.raises(Misconfigured):
        ClientAddresses([network])


@given(st.text(max_size=60), st.binary(max_size=120))
def test_any_peer_and_any_header_give_a_text(peer: str, forwarded: bytes) -> None:
    TRUSTED.of(scope((peer, 1), forwarded))
    TRUSTED.of(scope(("10.0.0.1", 1), forwarded))
