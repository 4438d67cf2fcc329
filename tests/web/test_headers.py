"""Security headers of every kind of answer (CS-10, CS-14 to CS-19, CK-22)."""

import pytest

from coatcheck.web.headers import SecurityHeaders

HTTPS = SecurityHeaders.of(is_local=False)
LOCAL = SecurityHeaders.of(is_local=True)
KINDS = ["page", "api", "public", "asset"]


def lines(headers: SecurityHeaders, kind: str) -> dict[str, str]:
    raw = getattr(headers, kind)
    named = {name.decode("ascii"): value.decode("ascii") for name, value in raw}
    assert len(named) == len(raw)
    assert all(name == name.lower() for name in named)
    return named


def policy(headers: SecurityHeaders, kind: str) -> dict[str, str]:
    directives = lines(headers, kind)["content-security-policy"].split("; ")
    return dict(directive.split(" ", 1) for directive in directives)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("headers", [HTTPS, LOCAL])
def test_nothing_is_framed_sniffed_or_referred_to(headers: SecurityHeaders, kind: str) -> None:
    found = lines(headers, kind)
    assert found["x-content-type-options"] == "nosniff"
    assert found["x-frame-options"] == "DENY"
    assert found["referrer-policy"] == "no-referrer"
    assert found["cross-origin-opener-policy"] == "same-origin"
    assert "geolocation=()" in found["permissions-policy"]
    assert policy(headers, kind)["default-src"] == "'none'"
    assert policy(headers, kind)["frame-ancestors"] == "'none'"
    assert policy(headers, kind)["base-uri"] == "'none'"


@pytest.mark.parametrize("kind", KINDS)
def test_no_policy_allows_script_inline_style_or_another_host(kind: str) -> None:
    found = policy(HTTPS, kind)
    assert "script-src" not in found
    assert set(found.values()) <= {"'none'", "'self'"}


def test_a_page_may_post_its_forms_only_to_its_own_site() -> None:
    assert policy(HTTPS, "page")["form-action"] == "'self'"


@pytest.mark.parametrize("kind", ["page", "api"])
def test_what_belongs_to_a_person_is_never_stored_by_a_cache_nor_embedded_elsewhere(kind: str) -> None:
    assert lines(HTTPS, kind)["cache-control"] == "no-store"
    assert lines(HTTPS, kind)["cross-origin-resource-policy"] == "same-origin"


def test_keys_and_assets_are_cached() -> None:
    assert lines(HTTPS, "public")["cache-control"] == "public, max-age=300"
    assert lines(HTTPS, "public")["cross-origin-resource-policy"] == "cross-origin"
    assert lines(HTTPS, "asset")["cache-control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("kind", KINDS)
def test_https_is_remembered_for_a_year_and_plain_localhost_is_not_locked_out(kind: str) -> None:
    assert lines(HTTPS, kind)["strict-transport-security"] == "max-age=31536000"
    assert "strict-transport-security" not in lines(LOCAL, kind)
