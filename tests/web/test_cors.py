"""CORS by an exact list (CS-08)."""

import pytest

from coatcheck.carriers.raw import RawHeader
from coatcheck.errors import Misconfigured
from coatcheck.web.cors import FOR_ANYBODY, Cors

CORS = Cors(["https://spa.example.com"])
SPA: RawHeader = (b"origin", b"https://spa.example.com")
ASKS: RawHeader = (b"access-control-request-method", b"POST")
FOREIGN = [
    b"https://evil.example",
    b"https://spa.example.com.evil.example",
    b"https://evil-spa.example.com",
    b"http://spa.example.com",
    b"https://spa.example.com:8443",
    b"https://SPA.example.com",
    b"https://sub.spa.example.com",
    b"null",
    b"*",
    b"",
    b"http://localhost:3000",
    b"https://spa.example.com\0",
]


def test_an_allowed_origin_may_read_the_answer_with_credentials() -> None:
    found = dict(CORS.answer([SPA]))
    assert found[b"access-control-allow-origin"] == b"https://spa.example.com"
    assert found[b"access-control-allow-credentials"] == b"true"
    assert found[b"access-control-expose-headers"] == b"Retry-After, WWW-Authenticate"
    assert found[b"vary"] == b"Origin"


@pytest.mark.parametrize("origin", FOREIGN)
def test_any_other_origin_gets_no_permission(origin: bytes) -> None:
    assert CORS.answer([(b"origin", origin)]) == ((b"vary", b"Origin"),)
    assert CORS.preflight("OPTIONS", [(b"origin", origin), ASKS]) == ((b"vary", b"Origin"),)


def test_no_origin_or_two_get_no_permission() -> None:
    assert CORS.answer([]) == ((b"vary", b"Origin"),)
    assert CORS.answer([SPA, SPA]) == ((b"vary", b"Origin"),)


def test_an_empty_list_allows_nobody() -> None:
    assert Cors([]).answer([SPA]) == ((b"vary", b"Origin"),)


def test_a_preflight_of_an_allowed_origin_is_told_methods_and_headers() -> None:
    found = dict(CORS.preflight("OPTIONS", [SPA, ASKS]) or ())
    assert found == {
        b"vary": b"Origin",
        b"access-control-allow-origin": b"https://spa.example.com",
        b"access-control-allow-credentials": b"true",
        b"access-control-allow-methods": b"GET, POST, PATCH, DELETE",
        b"access-control-allow-headers": b"Authorization, Content-Type",
        b"access-control-max-age": b"600",
    }


def test_other_requests_are_no_preflight() -> None:
    assert CORS.preflight("OPTIONS", [SPA]) is None
    assert CORS.preflight("POST", [SPA, ASKS]) is None


def test_a_star_never_comes_with_credentials() -> None:
    assert FOR_ANYBODY == ((b"access-control-allow-origin", b"*"),)


@pytest.mark.parametrize("origin", ["*", "null", "https://*.example.com", "https://spa.example.com/"])
def test_a_pattern_can_not_be_allowed(origin: str) -> None:
    with pytest.raises(Misconfigured):
        Cors([origin])
