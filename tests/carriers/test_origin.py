"""The origin rule, as a table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coatcheck.carriers.origin import OriginRule, origin_bytes
from coatcheck.errors import Misconfigured, OriginRefused

RULE = OriginRule(["https://app.example.com", "https://spa.example.com:8443"])
OURS, SPA = b"https://app.example.com", b"https://spa.example.com:8443"


def request(site: bytes | None = None, origin: bytes | None = None) -> list[tuple[bytes, bytes]]:
    pairs = [(b"host", b"app.example.com"), (b"sec-fetch-site", site), (b"origin", origin)]
    return [(name, value) for name, value in pairs if value is not None]


PASSES = [
    request(b"same-origin", OURS),
    request(b"same-origin"),
    request(b"same-origin", b"null"),
    request(b"none"),
    request(b"cross-site", SPA),
    request(b"same-site", SPA),
    request(b"same-site", OURS),
    request(None, OURS),
    request(None, SPA),
]
REFUSED = [
    request(b"cross-site", b"https://evil.example"),
    request(b"same-site", b"https://other.example.com"),
    request(b"cross-site"),
    request(b"same-site"),
    request(b"cross-site", b"null"),
    request(b"", b"https://evil.example"),
    request(b"Same-Origin"),
    request(b"same-origin, none"),
    request(),
    request(None, b""),
    request(None, b"null"),
    request(None, b"https://evil.example"),
]


@pytest.mark.parametrize("headers", PASSES)
def test_a_request_of_our_own_pages_passes(headers: list[tuple[bytes, bytes]]) -> None:
    RULE.require("POST", headers)
    RULE.require_for_upgrade(headers)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "get", "QUERY"])
@pytest.mark.parametrize("headers", REFUSED)
def test_a_request_of_another_site_is_refused(method: str, headers: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(OriginRefused):
        RULE.require(method, headers)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("headers", REFUSED)
def test_a_safe_method_passes_but_an_upgrade_does_not(method: str, headers: list[tuple[bytes, bytes]]) -> None:
    RULE.require(method, headers)
    with pytest.raises(OriginRefused):
        RULE.require_for_upgrade(headers)


@pytest.mark.parametrize("twice", [(b"origin", OURS), (b"sec-fetch-site", b"same-origin")])
def test_a_repeated_header_is_refused(twice: tuple[bytes, bytes]) -> None:
    with pytest.raises(OriginRefused):
        RULE.require("POST", [twice, twice])


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "null",
        "",
        "app.example.com",
        "https://",
        "https://App.example.com",
        "https://app.example.com/",
        "https://app.example.com:443",
        "http://localhost:80",
        "https://*.example.com",
        "https://app.example.com/path",
        "https://user@app.example.com",
        "https://app.example.com\n",
        "https://bücher.example",
        "ftp://app.example.com",
    ],
)
def test_an_origin_that_no_browser_sends_is_misconfigured(origin: str) -> None:
    with pytest.raises(Misconfigured):
        OriginRule([origin])


@pytest.mark.parametrize("origin", ["http://localhost:8000", "http://[::1]:8000", "https://a", "https://127.0.0.1"])
def test_an_origin_as_browsers_write_it_is_taken(origin: str) -> None:
    assert origin_bytes(origin) == origin.encode()


@given(
    st.lists(st.tuples(st.sampled_from([b"origin", b"sec-fetch-site", b"host"]), st.binary(max_size=40)), max_size=4)
)
def test_headers_of_any_content_pass_or_are_refused(headers: list[tuple[bytes, bytes]]) -> None:
    try:
        RULE.require("POST", headers)
    except OriginRefused:
        return
    assert any(value in (OURS, SPA, b"same-origin", b"none") for _, value in headers)
