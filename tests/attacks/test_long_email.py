"""ID-15: an address of 64 kB, or one made to keep a pattern busy, is refused in no time."""

import time
from contextlib import suppress

import pytest

from coatcheck.errors import RequestInvalid
from coatcheck.model.email import LONGEST, parse_email


@pytest.mark.parametrize(
    "text",
    [
        "a" * 65_536 + "@example.com",
        "a@" + "a." * 5_000_000 + "com",
        "a." * 65_536 + "@example.com",
        " " * 10_000_000 + "a@example.com",
        "\u0301" * 1_000_000,
        "@" * 1_000_000,
        "a@" + "xn--" * 100_000,
    ],
)
def test_a_long_address_is_refused_before_it_is_read(text: str) -> None:
    began = time.thread_time()
    with pytest.raises(RequestInvalid):
        parse_email(text)
    assert time.thread_time() - began < 0.05


@pytest.mark.parametrize(
    "unit",
    ["a.", "a@", "-", "xn--", ".", "\u0301", "\u1100", "\ufdfa", "\u0130", "a\u0301\u0323", "\u4f8b", "\u05d0", "+"],
)
def test_the_worst_of_the_longest_that_are_read_takes_milliseconds(unit: str) -> None:
    for text in (unit * LONGEST, "a@" + unit * LONGEST, unit * 60 + "@" + unit * 60 + ".example"):
        began = time.thread_time()
        with suppress(RequestInvalid):
            parse_email(text[:LONGEST])
        assert time.thread_time() - began < 0.05
