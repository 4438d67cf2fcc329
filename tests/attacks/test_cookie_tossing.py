"""CK-02, CK-03, CK-16: a sibling host plants a cookie of its own beside, or in place of, ours.

Frameworks take the first or the last of two cookies with one name. Here neither counts, and both are cleared.
"""

import pytest

from coatcheck.carriers.cookies import CookieNames
from coatcheck.carriers.presented import NotPresented, present
from coatcheck.errors import TokenInvalid, TokenMissing

NAMES = CookieNames.of(is_local=False, port=443, path="/auth")
GOOD, EVIL = b"ccs_good", b"ccs_evil"


def refusal(*lines: bytes) -> NotPresented:
    found = present([(b"cookie", line) for line in lines], NAMES)
    assert isinstance(found, NotPresented)
    return found


@pytest.mark.parametrize("name", [b"coatcheck", b"__Secure-coatcheck", b"coatcheck-443", b"__Http-coatcheck"])
def test_a_name_without_our_prefix_is_ignored(name: bytes) -> None:
    assert isinstance(refusal(name + b"=" + EVIL).error, TokenMissing)


@pytest.mark.parametrize(("first", "second"), [(GOOD, EVIL), (EVIL, GOOD), (GOOD, GOOD), (GOOD, b""), (b"", GOOD)])
def test_our_name_twice_is_unauthenticated_whatever_the_order(first: bytes, second: bytes) -> None:
    start = NAMES.session.start
    for lines in ([start + first + b"; " + start + second], [start + first, start + second]):
        found = refusal(*lines)
        assert isinstance(found.error, TokenMissing)
        assert found.clear == (NAMES.session,)


def test_a_doubled_session_cookie_does_not_fall_back_to_the_access_cookie() -> None:
    found = refusal(b"__Host-coatcheck=a; __Host-coatcheck=b; __Host-coatcheck-access=eyJa.b.c")
    assert isinstance(found.error, TokenMissing)


def test_a_doubled_access_cookie_is_unauthenticated_too() -> None:
    found = refusal(b"__Host-coatcheck-access=eyJa.b.c; __Host-coatcheck-access=eyJa.b.c")
    assert isinstance(found.error, TokenMissing)
    assert found.clear == (NAMES.access,)


def test_credentials_swapped_between_cookie_names_are_invalid() -> None:
    assert isinstance(refusal(b"__Host-coatcheck=eyJa.b.c").error, TokenInvalid)
    assert isinstance(refusal(b"__Host-coatcheck-access=ccs_good").error, TokenInvalid)
