"""CK-12, CK-13: a value that is too long for a browser, or that ends the cookie and begins something else."""

import pytest

from coatcheck.carriers.cookies import CookieNames, write
from coatcheck.errors import RequestInvalid

NAMES = CookieNames.of(is_local=False, port=443, path="/auth")


@pytest.mark.parametrize("length", [4096, 5000, 100_000])
def test_a_value_that_browsers_would_drop_is_refused(length: int) -> None:
    with pytest.raises(RequestInvalid):
        write(NAMES.access, "a" * length)


@pytest.mark.parametrize(
    "value",
    [
        "a\r\nSet-Cookie: __Host-coatcheck=evil",
        "a\nb",
        "a\rb",
        "a\n",
        "a; Domain=example.com",
        "a;",
        "a b",
        "a,b",
        'a"b',
        "a\\b",
        "a\0b",
        "a\x1fb",
        "a\x7fb",
        "a\x85b",
        "a\xa0b",
        "a\u2028b",
        "ā\u010d\u010a",
        "\ud800",
    ],
)
def test_a_value_that_could_end_the_cookie_is_refused_and_not_shown(value: str) -> None:
    with pytest.raises(ValueError, match="can't stand in the value") as refused:
        write(NAMES.session, value)
    assert value not in str(refused.value)
