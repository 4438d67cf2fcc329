"""JW-44, JW-46, JW-47: several tokens in one request, or one that two parsers would read differently.

RFC 6750 §2 and RFC 9110 §11.6.2: one ``Authorization`` line, one token. The scheme's case does not matter; anything
that can be read in two ways is refused, and a request is never answered as "either".
"""

import pytest

from coatcheck.carriers.cookies import CookieNames
from coatcheck.carriers.presented import NotPresented, Presented, present
from coatcheck.errors import TokenInvalid
from coatcheck.model.principal import CarriedBy

NAMES = CookieNames.of(is_local=False, port=443, path="/auth")
COOKIE = (b"cookie", b"__Host-coatcheck=ccs_cookie; __Host-coatcheck-access=eyJa.b.c")
TOKEN = b"ccs_header"


def found_in(*authorization: bytes) -> Presented | NotPresented:
    return present([(b"authorization", value) for value in authorization] + [COOKIE], NAMES)


@pytest.mark.parametrize(
    "value",
    [
        b"Bearer ccs_header",
        b"bearer ccs_header",
        b"BEARER ccs_header",
        b"bEaReR ccs_header",
        b"Bearer  ccs_header",
        b"Bearer     ccs_header",
        b"Bearer ccs_header ",
    ],
)
def test_the_scheme_is_read_in_any_case_with_one_or_more_spaces(value: bytes) -> None:
    assert found_in(value) == Presented(TOKEN, CarriedBy.HEADER)


@pytest.mark.parametrize(
    "value",
    [
        b"Bearer",
        b"Bearer ",
        b"Bearer\tccs_header",
        b"\tBearer ccs_header",
        b" Bearer ccs_header",
        b"Bearer \tccs_header",
        b"Bearer ccs_a ccs_b",
        b"Bearer ccs_a,ccs_b",
        b"Bearer ccs_a, Bearer ccs_b",
        b"Bearer ccs_a,",
        b"Bearer, ccs_a",
        b"Bearer,ccs_a",
        b"Bearer=ccs_a",
        b'Bearer "ccs_a"',
        b"Bearer:ccs_a",
        b"Bearer: ccs_a",
        b"Bearer Bearer ccs_a",
        b"Bearer token=ccs_a",
        b"Bearer\0ccs_a",
        b"Bearer\xa0ccs_a",
        b"Basic YTpi, Bearer ccs_a",
        b"Basic YTpi,bearer ccs_a",
        b"Bearer null",
        b"Bearer undefined",
    ],
)
def test_whatever_is_ambiguous_is_invalid_and_cookies_do_not_step_in(value: bytes) -> None:
    found = found_in(value)
    assert isinstance(found, NotPresented)
    assert isinstance(found.error, TokenInvalid)


@pytest.mark.parametrize("second", [b"Bearer ccs_header", b"Bearer ccs_other", b"Basic YTpi", b""])
def test_two_authorization_lines_are_invalid_in_either_order(second: bytes) -> None:
    for lines in ((b"Bearer ccs_header", second), (second, b"Bearer ccs_header")):
        found = found_in(*lines)
        assert isinstance(found, NotPresented)
        assert isinstance(found.error, TokenInvalid)


def test_a_token_in_header_and_cookie_is_answered_for_the_header_alone() -> None:
    assert found_in(b"Bearer ccs_header") == Presented(TOKEN, CarriedBy.HEADER)


@pytest.mark.parametrize("size", [8_193, 65_536, 1_000_000])
def test_an_oversized_token_is_invalid_wherever_it_is(size: int) -> None:
    huge = b"eyJ.." + b"a" * size
    for headers in ([(b"authorization", b"Bearer " + huge)], [(b"cookie", b"__Host-coatcheck-access=" + huge)]):
        found = present(headers, NAMES)
        assert isinstance(found, NotPresented)
        assert isinstance(found.error, TokenInvalid)
