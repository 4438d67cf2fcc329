"""RD-01, RD-02, RD-03: a ``return_to`` that leads the person, fresh from logging in, to another site.

OWASP ASVS 3.7.2. Only an absolute path of this site is taken; everything else is answered with the default.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coatcheck.web.pages.redirects import asked_path, safe_path

HOME = "/auth/account"

ELSEWHERE = [
    "",
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "\\\\evil.example",
    "/\\/evil.example",
    "https://evil.example",
    "https:evil.example",
    "https:/evil.example",
    "HtTpS://evil.example",
    "http:/\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r\n/evil.example",
    "/%09/evil.example",
    "/%0a/evil.example",
    "/%0d%0aSet-Cookie:%20a=b",
    "/\r\nLocation: https://evil.example",
    "/a\r\nX: y",
    "/a\n",
    "/%2F%2Fevil.example",
    "/%2fevil.example",
    "/%5cevil.example",
    "%2F%2Fevil.example",
    "/%252F%252Fevil.example",
    "/%25%32%46evil.example",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "@evil.example",
    "user@evil.example",
    "https://app.example.com@evil.example",
    "//app.example.com@evil.example",
    "/path#fragment",
    "#//evil.example",
    "/\uff0fevil.example",
    "\uff0f\uff0fevil.example",
    "/\u2215evil.example",
    "//evil\u3002example",
    "/\u2028/evil.example",
    " //evil.example",
    " /path",
    "\x00/path",
    "/path ",
    "/\x00/evil.example",
    "/%00/evil.example",
    "/a//evil.example",
    "/./evil.example",
    "/.//evil.example",
    "/..//evil.example",
    "/a/../..//evil.example",
    "/a/..;/b",
    "/%2e%2e//evil.example",
    "/%2e/evil.example",
    "/..",
    "path",
    "./path",
    "../path",
    "?a=b",
    ";//evil.example",
    "/%",
    "/%zz",
    "/\ud800",
    "/" + "a" * 2000,
]
NESTED = [
    "/auth/login?return_to=//evil.example",
    "/auth/login?return_to=%2F%2Fevil.example",
    "/auth/login?return_to=/path",
    "/auth/login?RETURN_TO=/path",
    "/auth/login?a=b&return_to=https://evil.example",
    "/go?url=https://evil.example",
    "/go?url=https%3A%2F%2Fevil.example",
    "/go?url=%252F%252Fevil.example",
]
HERE = [
    "/",
    "/orders",
    "/orders/17?sort=newest&page=2",
    "/search?q=caf%C3%A9+au+lait",
    "/@name",
    "/a:b",
    "/.well-known/change-password",
    "/a.b/..c",
    "/~user/x;y=z?t=12:30",
]


@pytest.mark.parametrize("asked", ELSEWHERE + NESTED)
def test_what_is_not_a_plain_path_of_this_site_leads_to_the_default(asked: str) -> None:
    assert safe_path(asked, HOME) == HOME


@pytest.mark.parametrize("asked", HERE)
def test_a_plain_path_is_kept_and_passes_again_when_it_is_used(asked: str) -> None:
    assert safe_path(asked, HOME) == asked
    assert safe_path(safe_path(asked, HOME), HOME) == asked


def test_nothing_asked_leads_to_the_default() -> None:
    assert safe_path(None, HOME) == HOME


@pytest.mark.parametrize(
    ("query", "path"),
    [
        (b"return_to=/orders", "/orders"),
        (b"return_to=%2Forders%3Fa%3Db", "/orders?a=b"),
        (b"a=b&return_to=/orders", "/orders"),
        (b"return_to=/a&return_to=/b", HOME),
        (b"return_to=/a&return_to=//evil.example", HOME),
        (b"return_to=%2F%2Fevil.example", HOME),
        (b"return_to=%252Forders", HOME),
        (b"return_to=", HOME),
        (b"return_to", HOME),
        (b"return_to[]=/a", HOME),
        (b"Return_To=/a", HOME),
        (b"return_to=%FF", HOME),
        (b"return_to=/\xff", HOME),
        (b"", HOME),
        (b"return_to=/a" + b"&x=y" * 10_000, HOME),
    ],
)
def test_return_to_counts_only_when_it_stands_once_in_the_query(query: bytes, path: str) -> None:
    assert asked_path(query, HOME) == path


ALPHABET = st.sampled_from(
    [*"/\\.%@:;?#&= \t\r\n\0", "2f", "5c", "25", "evil.example", "https", "a", "\uff0f", "\u3002", "\ud800"]
)


@given(st.lists(ALPHABET, max_size=12).map("".join) | st.text())
def test_whatever_is_accepted_can_only_be_a_path(asked: str) -> None:
    path = safe_path(asked, HOME)
    assert path in (asked, HOME)
    assert path.startswith("/")
    assert "//" not in path
    assert all("!" <= character <= "~" and character not in '\\#"<>' for character in path)


@given(st.binary(max_size=200))
def test_any_query_leads_to_a_path(query: bytes) -> None:
    assert asked_path(query, HOME).startswith("/")
