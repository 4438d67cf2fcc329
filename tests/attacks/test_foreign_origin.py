"""CS-03, RD-04: a request that another site caused, carrying the victim's cookie.

What stands in ``Host`` is the attacker's choice as well, so the origin is compared with the settings alone.
"""

import pytest

from coatcheck.carriers.origin import OriginRule
from coatcheck.errors import OriginRefused
from coatcheck.settings import Settings

RULE = OriginRule([Settings(url="https://example.com").origin])


@pytest.mark.parametrize(
    "origin",
    [
        b"",
        b"null",
        b"NULL",
        b"https://evil-example.com",
        b"https://example.com.evil.example",
        b"https://evil.example/https://example.com",
        b"https://example.com@evil.example",
        b"https://evil.example#example.com",
        b"https://sub.example.com",
        b"http://example.com",
        b"https://example.com:8443",
        b"https://example.com:443",
        b"https://example.com/",
        b"https://example.com.",
        b"https://EXAMPLE.com",
        b"https://example.com https://evil.example",
        b"https://evil.example, https://example.com",
        b" https://example.com",
        b"https://example.com\0",
        b"https://ex\xc3\xa4mple.com",
        b"example.com",
        b"//example.com",
        b"*",
        b"file://",
        b"http://localhost:8000",
    ],
)
@pytest.mark.parametrize("site", [None, b"cross-site", b"same-site", b"", b"SAME-ORIGIN"])
def test_an_origin_that_is_not_ours_exactly_is_refused(origin: bytes, site: bytes | None) -> None:
    headers = [(b"host", b"example.com"), (b"origin", origin)]
    if site is not None:
        headers.append((b"sec-fetch-site", site))
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        with pytest.raises(OriginRefused):
            RULE.require(method, headers)
    with pytest.raises(OriginRefused):
        RULE.require_for_upgrade(headers)


@pytest.mark.parametrize("referer", [None, b"https://example.com/", b"https://evil.example/"])
def test_a_request_without_an_origin_is_refused_whatever_its_referer(referer: bytes | None) -> None:
    headers = [(b"host", b"example.com")] + ([(b"referer", referer)] if referer else [])
    with pytest.raises(OriginRefused):
        RULE.require("POST", headers)


@pytest.mark.parametrize("name", [b"host", b"x-forwarded-host", b"forwarded", b"x-original-host"])
def test_a_host_that_matches_the_foreign_origin_does_not_help_it(name: bytes) -> None:
    headers = [(name, b"evil.example"), (b"origin", b"https://evil.example")]
    with pytest.raises(OriginRefused):
        RULE.require("POST", headers)
