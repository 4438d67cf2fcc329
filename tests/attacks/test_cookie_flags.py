"""CK-01, CK-15, CK-18, CK-20: a cookie that scripts, other hosts, other sites or plain http can get at.

OWASP ASVS 3.3.1-3.3.4. What is read is the written header, as a browser reads it.
"""

import pytest

from coatcheck.carriers.cookies import Cookie, CookieNames, clear, write
from coatcheck.settings import Settings, WebSettings

PRODUCTION = Settings(url="https://app.example.com", web=WebSettings(path="/login"))
NAMES = CookieNames.of(is_local=PRODUCTION.is_local, port=PRODUCTION.port, path=PRODUCTION.web.path)
ALL = [NAMES.session, NAMES.access, NAMES.refresh, NAMES.device]


def attributes(line: bytes) -> dict[str, str]:
    pairs = [part.partition("=") for part in line.decode("ascii").split("; ")[1:]]
    return {name.lower(): value for name, _, value in pairs}


@pytest.mark.parametrize("cookie", ALL, ids=lambda cookie: cookie.name)
@pytest.mark.parametrize("cleared", [False, True])
def test_every_cookie_is_secure_http_only_same_site_and_without_domain(cookie: Cookie, cleared: bool) -> None:
    found = attributes(clear(cookie) if cleared else write(cookie, "v"))
    assert {"secure", "httponly"} <= found.keys()
    assert found["samesite"] in ("Lax", "Strict")
    assert "domain" not in found


@pytest.mark.parametrize("cookie", [NAMES.session, NAMES.access, NAMES.device], ids=lambda cookie: cookie.name)
def test_what_opens_something_has_the_host_prefix_and_the_path_it_demands(cookie: Cookie) -> None:
    assert cookie.name.startswith("__Host-")
    assert attributes(write(cookie, "v"))["path"] == "/"


def test_the_refresh_cookie_goes_to_the_api_alone_and_never_with_a_request_of_another_site() -> None:
    found = attributes(write(NAMES.refresh, "v"))
    assert NAMES.refresh.name.startswith("__Secure-")
    assert (found["path"], found["samesite"]) == ("/login/api", "Strict")


def test_only_plain_http_on_this_machine_goes_without_secure_and_then_without_the_prefixes() -> None:
    development = Settings()
    names = CookieNames.of(is_local=development.is_local, port=development.port, path=development.web.path)
    for cookie in (names.session, names.access, names.refresh, names.device):
        assert "secure" not in attributes(write(cookie, "v"))
        assert cookie.name.startswith("coatcheck-8000")
