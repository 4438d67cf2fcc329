"""CS-01, CS-03, CS-06, RD-05: another site's request, or a forged ``X-Forwarded-Method``, comes to the gateway's check.

The gateway asks with a GET, which by itself would pass the origin rule. What the original was only the gateway can say.
"""

import pytest

from coatcheck.settings import TokenSettings, WebSettings
from tests.site import API, URL, Site, code_of, running

pytestmark = pytest.mark.anyio

GATEWAY, STRANGER = "10.0.0.1", "203.0.113.66"
SETTINGS = {"tokens": TokenSettings(audiences=("orders",)), "web": WebSettings(trusted_proxies=("10.0.0.0/8",))}
KEY = {"sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA=="}
EVIL = "https://evil.example"


async def _cookies(site: Site, carry: str = "cookie") -> str:
    browser = site.browser()
    await site.register(browser, carry=carry)
    return "; ".join(f"{each.name}={each.value}" for each in browser.cookies.jar)


async def _ask(site: Site, cookies: str, lines: list[tuple[str, str]], address: str = GATEWAY) -> tuple[int, str]:
    answer = await site.client(address).get(f"{API}/check", headers=[("cookie", cookies), *lines])
    return answer.status_code, code_of(answer) if answer.content else ""


@pytest.mark.parametrize("carry", ["cookie", "jwt-cookie"])
@pytest.mark.parametrize(
    "lines",
    [
        {"x-forwarded-method": "GET", "sec-fetch-site": "none"},
        {"x-forwarded-method": "GET", "sec-fetch-site": "cross-site"},  # a link on another site
        {"x-forwarded-method": "HEAD", "sec-fetch-site": "same-site"},
        {"x-forwarded-method": "GET", "origin": URL},
        {"x-forwarded-method": "POST", "origin": URL},
        {"x-forwarded-method": "DELETE", "sec-fetch-site": "same-origin"},
        {"x-forwarded-method": "GET", "origin": URL, "upgrade": "websocket", **KEY},
    ],
)
async def test_what_ones_own_pages_and_links_elsewhere_cause_passes(lines: dict[str, str], carry: str):
    async with running(**SETTINGS) as site:
        assert await _ask(site, await _cookies(site, carry), list(lines.items())) == (204, "")


@pytest.mark.parametrize("carry", ["cookie", "jwt-cookie"])
@pytest.mark.parametrize(
    "lines",
    [
        {"x-forwarded-method": "POST", "origin": EVIL},
        {"x-forwarded-method": "POST", "origin": "null"},
        {"x-forwarded-method": "POST", "sec-fetch-site": "cross-site"},
        {"x-forwarded-method": "POST", "sec-fetch-site": "same-site", "origin": "https://other.example.com"},
        {"x-forwarded-method": "get", "origin": EVIL},
        {"x-forwarded-method": "GET ", "sec-fetch-site": "cross-site", "origin": EVIL},
        {"x-forwarded-method": "GET, POST", "sec-fetch-site": "cross-site"},
        {"x-forwarded-method": "CONNECT", "sec-fetch-site": "cross-site"},  # a WebSocket over HTTP/2, RFC 8441
        {"x-forwarded-method": "", "sec-fetch-site": "cross-site"},
        {"x-forwarded-method": "GET", "origin": EVIL},
        {"x-forwarded-method": "GET", "origin": EVIL, **KEY},
        {"x-forwarded-method": "GET", "sec-fetch-site": "cross-site", "upgrade": "websocket"},
        {"x-forwarded-method": "GET", "sec-fetch-site": "cross-site", **KEY},
        {"x-forwarded-method": "GET", "sec-fetch-site": "cross-site", "sec-fetch-mode": "websocket"},
        {"x-forwarded-method": "GET"},
        {"x-forwarded-method": "POST"},
        {"sec-fetch-site": "none"},
        {"origin": URL},
        {"x-original-method": "GET", "sec-fetch-site": "none"},
        {"x-http-method-override": "GET", "sec-fetch-site": "none"},
        {},
    ],
)
async def test_everything_else_with_a_cookie_is_refused(lines: dict[str, str], carry: str):
    async with running(**SETTINGS) as site:
        assert await _ask(site, await _cookies(site, carry), list(lines.items())) == (403, "origin.refused")


async def test_a_method_that_is_said_twice_counts_as_not_said():
    async with running(**SETTINGS) as site:
        said = [("sec-fetch-site", "none"), ("x-forwarded-method", "GET"), ("x-forwarded-method", "GET")]
        assert await _ask(site, await _cookies(site), said) == (403, "origin.refused")


@pytest.mark.parametrize("identity", ["token", "headers"])
async def test_whoever_is_no_trusted_proxy_is_not_believed(identity: str):
    async with running(**SETTINGS) as site:
        headers = {"cookie": await _cookies(site), "x-forwarded-method": "GET", "sec-fetch-site": "none"}
        for address, status in ((GATEWAY, 204), (STRANGER, 403)):
            forwarded = {"x-forwarded-for": GATEWAY}  # says who the client was, and not who the peer is
            client = site.client(address)
            answer = await client.get(f"{API}/check?identity={identity}", headers={**headers, **forwarded})
            assert answer.status_code == status
    async with running(tokens=SETTINGS["tokens"]) as site:
        headers["cookie"] = await _cookies(site)
        answer = await site.client("127.0.0.1").get(f"{API}/check?identity={identity}", headers=headers)
        assert (answer.status_code, code_of(answer)) == (403, "origin.refused")
