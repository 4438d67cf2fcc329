"""CK-09, CK-10: cookie headers that are odd, or huge (CVE-2024-7592: a parser that takes quadratic time)."""

from time import thread_time

import pytest

from coatcheck.carriers.cookies import TWICE, CookieNames, find
from coatcheck.carriers.presented import NotPresented, present

NAMES = CookieNames.of(is_local=False, port=443, path="/auth")
SIZE = 65_536
START = NAMES.session.start


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b"theme=dark, __Host-coatcheck=ccs_good", None),
        (b"__Host-coatcheck=ccs_good, theme=dark", b"ccs_good, theme=dark"),
        (b";;;; ; ;__Host-coatcheck=ccs_good;;;", b"ccs_good"),
        (b"\0=\0; __Host-coatcheck=ccs_good; \xff\xfe=\xc3\x28", b"ccs_good"),
        (b"__Host-coatcheck=ccs_\xff\0", b"ccs_\xff\0"),
        (b"=", None),
        (b"", None),
    ],
)
def test_odd_cookies_are_passed_over_or_taken_literally(line: bytes, value: bytes | None) -> None:
    assert find([line], NAMES.session) == value


@pytest.mark.parametrize(
    "line",
    [
        b"; ".join(b"c%d=x" % number for number in range(10_000)),
        b";" * SIZE,
        b"; " * (SIZE // 2),
        b" " * SIZE + START,
        b"\\" * SIZE + b'"' * SIZE,
        (b"x" + START) * (SIZE // 18),
        (b" " + START) * (SIZE // 18),
        (b"=" + START + b";") * (SIZE // 19),
        START[:-1] * (SIZE // 16),
        b"_" * SIZE,
    ],
    ids=range(10),
)
def test_a_huge_header_is_read_in_bounded_time(line: bytes) -> None:
    began = thread_time()
    present([(b"cookie", line)], NAMES)
    present([(b"cookie", b"c=x")] * 10_000, NAMES)
    assert thread_time() - began < 0.1


def test_our_cookie_is_found_among_ten_thousand_and_twice_is_still_twice() -> None:
    many = b"; ".join(b"c%d=x" % number for number in range(10_000))
    ours = b"; " + START + b"ccs_good"
    assert find([many + ours], NAMES.session) == b"ccs_good"
    assert find([many + ours + b"; " + many], NAMES.session) == b"ccs_good"
    assert find([many + ours + b"; " + many + ours], NAMES.session) is TWICE
    assert find([START + b"x"] * 10_000, NAMES.session) is TWICE


def test_a_huge_value_is_no_token() -> None:
    assert isinstance(present([(b"cookie", START + b"ccs_" + b"a" * 10**6)], NAMES), NotPresented)
