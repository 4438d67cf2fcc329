"""CK-04, CK-05, CK-07, CK-08: a name that is not ours to the browser, but becomes ours in a lax parser.

A browser guards ``__Host-`` by the exact bytes of a name. A server that strips Unicode spaces from
``\\xa0__Host-name``, or folds case, accepts what any sibling host can set (PortSwigger on cookie prefixes, 2025; RFC
6265bis on nameless cookies).
"""

import pytest

from coatcheck.carriers.cookies import CookieNames, find
from coatcheck.carriers.presented import NotPresented, present
from coatcheck.errors import TokenMissing

NAMES = CookieNames.of(is_local=False, port=443, path="/auth")
RAW_SPACES = [b"\xa0", b"\x85", b"\x1c", b"\x1d", b"\x1e", b"\x1f", b"\x0b", b"\x0c", b"\r", b"\n", b"\0"]
UNICODE_SPACES = [
    space.encode("utf-8") for space in "\u1680\u2000\u2003\u2009\u200a\u200b\u2028\u2029\u202f\u205f\u3000\ufeff\xa0"
]
OTHER_SPELLINGS = [
    b"__host-coatcheck",
    b"__HOST-COATCHECK",
    b"__Host-Coatcheck",
    b"__Host-coatcheck ",
    b"__Host-coatcheck\t",
    b"__Host-coatcheck\0",
    b"__Host-coatcheck%00",
    b"%5F%5FHost-coatcheck",
    b"__Host%2Dcoatcheck",
    b'"__Host-coatcheck"',
    b"$__Host-coatcheck",
    b"__Host.coatcheck",
    b"__Host_coatcheck",
    b"__Host-coatcheck[]",
    b"=__Host-coatcheck",
    b"==__Host-coatcheck",
    b" = __Host-coatcheck",
    b"\xef\xbc\xbf\xef\xbc\xbfHost-coatcheck",
]


@pytest.mark.parametrize(
    "name", [space + b"__Host-coatcheck" for space in RAW_SPACES + UNICODE_SPACES] + OTHER_SPELLINGS
)
@pytest.mark.parametrize("before", [b"", b"theme=dark; ", b"theme=dark;"])
@pytest.mark.parametrize("after", [b"", b"; theme=dark"])
def test_a_name_that_is_not_ours_byte_for_byte_is_not_our_cookie(name: bytes, before: bytes, after: bytes) -> None:
    line = before + name + b"=ccs_evil" + after
    assert find([line], NAMES.session) is None
    found = present([(b"cookie", line)], NAMES)
    assert isinstance(found, NotPresented)
    assert isinstance(found.error, TokenMissing)


@pytest.mark.parametrize("space", RAW_SPACES + UNICODE_SPACES)
def test_a_planted_look_alike_neither_replaces_nor_doubles_ours(space: bytes) -> None:
    good, evil = b"__Host-coatcheck=ccs_good", space + b"__Host-coatcheck=ccs_evil"
    assert find([good + b"; " + evil], NAMES.session) == b"ccs_good"
    assert find([evil + b"; " + good], NAMES.session) == b"ccs_good"
