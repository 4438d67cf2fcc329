"""Which addresses count as one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coatcheck.passwords.network import UNKNOWN, network_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::FFFF:C000:0207", "192.0.2.7"),
        ("2002:c000:0207::1", "192.0.2.7"),
        ("2002:c000:0207:ffff::9", "192.0.2.7"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:0DB8:0001:0002:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("192.0.2.07", UNKNOWN),
        ("192.0.2.7:443", UNKNOWN),
        ("testclient", UNKNOWN),
        ("", UNKNOWN),
    ],
)
def test_an_address_stands_for_its_network(address: str, network: str) -> None:
    assert network_of(address) == network


@given(st.ip_addresses(v=4), st.integers(0, 2**64 - 1))
def test_all_addresses_of_one_64_are_one_network(v4, host: int) -> None:
    prefix = f"2001:db8:{int(v4) >> 16:x}:{int(v4) & 0xFFFF:x}"
    groups = ":".join(f"{host >> shift & 0xFFFF:x}" for shift in (48, 32, 16, 0))
    assert network_of(f"{prefix}:{groups}") == network_of(f"{prefix}::")


@given(st.text(max_size=60))
def test_any_text_has_a_network(text: str) -> None:
    assert network_of(text)
