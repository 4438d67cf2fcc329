"""RD-05, RD-06: a client that writes the headers a proxy would write, to look like somebody else.

Attempt limits and audit entries would follow the forged address (OWASP ASVS 4.1.3).
"""

from typing import Any

import pytest

from coatcheck.web.addresses import ClientAddresses

TRUSTED = ClientAddresses(["10.0.0.0/8", "2001:db8:ffff::/48"])
FORGED = "203.0.113.66"


def scope(peer: str, **headers: str | list[str]) -> dict[str, Any]:
    lines = [
        (name.replace("_", "-").encode(), value.encode("latin-1"))
        for name, values in headers.items()
        for value in ([values] if isinstance(values, str) else values)
    ]
    return {"type": "http", "client": (peer, 4711), "headers": lines}


@pytest.mark.parametrize("peer", ["198.51.100.7", "2001:db8::7"])
def test_an_untrusted_peer_is_the_client_whatever_it_claims(peer: str) -> None:
    assert TRUSTED.of(scope(peer, x_forwarded_for=FORGED)) == peer
    assert TRUSTED.of(scope(peer, x_forwarded_for=f"{FORGED}, 10.0.0.1")) == peer


def test_without_trusted_proxies_nothing_is_believed() -> None:
    assert ClientAddresses([]).of(scope("127.0.0.1", x_forwarded_for=FORGED)) == "127.0.0.1"


@pytest.mark.parametrize(
    "name",
    [
        "forwarded",
        "x_real_ip",
        "x_client_ip",
        "true_client_ip",
        "cf_connecting_ip",
        "x_cluster_client_ip",
        "x_forwarded_host",
        "x_forwarded",
        "x_original_url",
        "x_rewrite_url",
    ],
)
def test_other_headers_are_not_read_even_from_a_trusted_peer(name: str) -> None:
    assert TRUSTED.of(scope("10.0.0.1", **{name: FORGED})) == "10.0.0.1"


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("198.51.100.7", "198.51.100.7"),
        (f"{FORGED}, 198.51.100.7", "198.51.100.7"),
        (f"{FORGED}, 198.51.100.7, 10.1.2.3", "198.51.100.7"),
        (f"10.9.9.9, {FORGED}, 198.51.100.7, 10.1.2.3, 10.4.5.6", "198.51.100.7"),
        (f"{FORGED},198.51.100.7,,", "10.0.0.1"),
        (f"{FORGED}, 198.51.100.7, unknown", "10.0.0.1"),
        (f"{FORGED}, _hidden, 10.1.2.3", "10.1.2.3"),
        (f"{FORGED}\t,\t198.51.100.7\t", "198.51.100.7"),
        ("10.2.2.2, 10.1.1.1", "10.2.2.2"),
        ([FORGED, "198.51.100.7"], "198.51.100.7"),
        ([FORGED, "198.51.100.7, 10.1.2.3"], "198.51.100.7"),
        (["198.51.100.7", "10.1.2.3"], "198.51.100.7"),
    ],
)
def test_the_rightmost_untrusted_hop_is_the_client(forwarded: str | list[str], client: str) -> None:
    assert TRUSTED.of(scope("10.0.0.1", x_forwarded_for=forwarded)) == client


def test_a_chain_of_a_thousand_trusted_hops_is_not_followed_to_its_end() -> None:
    forwarded = f"{FORGED}, " + ", ".join(["10.0.0.1"] * 1000)
    assert TRUSTED.of(scope("10.0.0.1", x_forwarded_for=forwarded)) == "10.0.0.1"
