"""CK-06: quotes, backslashes, octal escapes and RFC 2965 attributes, which lax parsers undo.

``"ev\\145l"`` becomes ``evel`` in Python's own parser and in whatever is built on it. Here a value is its bytes.
"""

import pytest

from coatcheck.carriers.cookies import CookieNames, find
from coatcheck.carriers.presented import NotPresented, present
from coatcheck.errors import TokenInvalid

NAMES = CookieNames.of(is_local=False, port=443, path="/auth")


@pytest.mark.parametrize("value", [b'"ccs_evil"', b'"ccs_ev\\145l"', b'"ccs_evil', b"%63cs_evil", b"\\143cs_evil"])
def test_a_quoted_or_escaped_value_is_taken_as_it_stands_and_is_no_token(value: bytes) -> None:
    line = b"__Host-coatcheck=" + value
    assert find([line], NAMES.session) == value
    found = present([(b"cookie", line)], NAMES)
    assert isinstance(found, NotPresented)
    assert isinstance(found.error, TokenInvalid)
    assert found.clear == (NAMES.session,)


def test_a_quote_does_not_swallow_the_cookies_behind_it() -> None:
    line = b'x="; __Host-coatcheck=ccs_good; y="'
    assert find([line], NAMES.session) == b"ccs_good"


def test_a_semicolon_inside_quotes_ends_the_value() -> None:
    assert find([b'__Host-coatcheck="ccs_a; b"'], NAMES.session) == b'"ccs_a'


def test_legacy_attributes_are_cookies_like_any_other() -> None:
    line = b"$Version=1; __Host-coatcheck=ccs_good; $Path=/; $Domain=example.com"
    assert find([line], NAMES.session) == b"ccs_good"
    assert find([b'$Version=1; x="a\\"; __Host-coatcheck=ccs_good"'], NAMES.session) == b'ccs_good"'
