"""Cookies: the table of names and flags, how they are written, and how they are found."""

from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from coatcheck.carriers.cookies import TWICE, Cookie, CookieNames, clear, find, write
from coatcheck.errors import Misconfigured, RequestInvalid

HTTPS = CookieNames.of(is_local=False, port=443, path="/auth")
LOCAL = CookieNames.of(is_local=True, port=8000, path="/auth")


@pytest.mark.parametrize(
    ("cookie", "line"),
    [
        (HTTPS.session, b"__Host-coatcheck=v; Path=/; HttpOnly; Secure; SameSite=Lax"),
        (HTTPS.access, b"__Host-coatcheck-access=v; Path=/; HttpOnly; Secure; SameSite=Lax"),
        (HTTPS.device, b"__Host-coatcheck-device=v; Path=/; HttpOnly; Secure; SameSite=Lax"),
        (HTTPS.refresh, b"__Secure-coatcheck-refresh=v; Path=/auth/api; HttpOnly; Secure; SameSite=Strict"),
        (LOCAL.session, b"coatcheck-8000=v; Path=/; HttpOnly; SameSite=Lax"),
        (LOCAL.access, b"coatcheck-8000-access=v; Path=/; HttpOnly; SameSite=Lax"),
        (LOCAL.device, b"coatcheck-8000-device=v; Path=/; HttpOnly; SameSite=Lax"),
        (LOCAL.refresh, b"coatcheck-8000-refresh=v; Path=/auth/api; HttpOnly; SameSite=Strict"),
    ],
)
def test_every_cookie_has_exactly_its_flags(cookie: Cookie, line: bytes) -> None:
    assert write(cookie, "v") == line


def test_a_remembered_cookie_has_its_age_in_whole_seconds() -> None:
    assert b"; Max-Age=90; " in write(HTTPS.session, "v", timedelta(seconds=90.9))
    assert b"; Max-Age=0; " in write(HTTPS.session, "v", timedelta(seconds=-5))


@pytest.mark.parametrize("cookie", [HTTPS.session, HTTPS.refresh, LOCAL.access])
def test_clearing_uses_the_same_attributes_as_writing(cookie: Cookie) -> None:
    written, cleared = write(cookie, "v").split(b"; "), clear(cookie).split(b"; ")
    assert cleared[0] == cookie.start
    assert cleared[1] == b"Max-Age=0"
    assert cleared[2:] == written[1:]


def test_a_cookie_of_4096_bytes_is_written_and_one_byte_more_is_refused() -> None:
    room = 4096 - len(write(HTTPS.access, ""))
    assert len(write(HTTPS.access, "a" * room)) == 4096
    with pytest.raises(RequestInvalid) as refused:
        write(HTTPS.access, "a" * (room + 1))
    assert [fault.field for fault in refused.value.errors] == ["carry"]


@given(st.text())
def test_a_written_value_is_found_again_or_refused(value: str) -> None:
    try:
        line = write(HTTPS.session, value)
    except ValueError:
        assert any(not "!" <= character <= "~" or character in '",;\\' for character in value)
    else:
        assert find([line], HTTPS.session) == value.encode("ascii")


@pytest.mark.parametrize("path", ["/a;Domain=evil.example", "/a b", "/a\r\nx: y", "/ä", ""])
def test_a_path_that_would_break_the_attribute_is_misconfigured(path: str) -> None:
    with pytest.raises(Misconfigured):
        Cookie("name", path, "Lax", True)


@pytest.mark.parametrize(
    ("lines", "value"),
    [
        ([b"__Host-coatcheck=a"], b"a"),
        ([b"x=1; __Host-coatcheck=a; y=2"], b"a"),
        ([b"x=1;__Host-coatcheck=a;y=2"], b"a"),
        ([b" \t__Host-coatcheck=a \t"], b"a"),
        ([b"x=1;\t __Host-coatcheck=a\t ; y=2"], b"a"),
        ([b"__Host-coatcheck="], b""),
        ([b"__Host-coatcheck=a\x0b\x0c; x=1"], b"a\x0b\x0c"),
        ([b"__Host-coatcheck=a=b"], b"a=b"),
        ([b"x=1", b"__Host-coatcheck=a", b"y=2"], b"a"),
        ([b"__Host-coatcheck-access=b; __Host-coatcheck=a"], b"a"),
        ([b"x=__Host-coatcheck=evil; __Host-coatcheck=a"], b"a"),
        ([b"__Host-coatcheck=a; x=__Host-coatcheck=evil"], b"a"),
        ([b"x=__Host-coatcheck=evil"], None),
        ([b"__Host-coatcheck"], None),
        ([b"__Host-coatcheck =a"], None),
        ([b"x__Host-coatcheck=a"], None),
        ([b"", b";;;", b"="], None),
        ([], None),
        ([b"__Host-coatcheck=a; __Host-coatcheck=a"], TWICE),
        ([b"__Host-coatcheck=; __Host-coatcheck="], TWICE),
        ([b"__Host-coatcheck=a", b"__Host-coatcheck=b"], TWICE),
        ([b"__Host-coatcheck=a;\t__Host-coatcheck=b"], TWICE),
    ],
)
def test_a_cookie_is_found_by_its_exact_name(lines: list[bytes], value: object) -> None:
    assert find(lines, HTTPS.session) == value


PIECES = st.sampled_from(
    [b"__Host-coatcheck", b"=", b"; ", b";", b" ", b"\t", b"\xa0", b"a", b'"', b",", b"__Host-coatcheck=", b"x=1"]
)


@given(st.lists(st.lists(PIECES, max_size=12).map(b"".join), max_size=3))
@example([b"x__Host-coatcheck=a; __Host-coatcheck=b"])
def test_the_quick_way_finds_what_the_plain_reading_finds(lines: list[bytes]) -> None:
    pairs = [pair.strip(b" \t").partition(b"=") for line in lines for pair in line.split(b";")]
    values = [value for name, equals, value in pairs if equals and name == b"__Host-coatcheck"]
    expected = TWICE if len(values) > 1 else next(iter(values), None)
    assert find(lines, HTTPS.session) == expected


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_nothing_in_a_cookie_header_raises(lines: list[bytes]) -> None:
    find(lines, HTTPS.session)
