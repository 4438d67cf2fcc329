"""The word "bearer" stands in ``Authorization``, but not as its scheme: in the base64 of Basic credentials, say.

JW-47, LG-22, CS-03: whoever asks whether a header decides gets one answer everywhere. Such a header is another
scheme's, so the cookies count, and with them the origin rule.
"""

import base64

import pytest

from tests.site import API, PASSWORD, URL, code_of, running, set_cookies

pytestmark = pytest.mark.anyio

USER = base64.b64decode("YWRbearerQ==").decode("latin-1")
HEADERS = [
    "Basic " + base64.b64encode(USER.encode("latin-1")).decode(),
    'Digest username="bearer"',
    "bearer-like abc",
    "Negotiate Bearer",
]


@pytest.mark.parametrize("authorization", HEADERS)
@pytest.mark.parametrize("path", ["login", "register"])
async def test_another_sites_login_is_refused(authorization: str, path: str):
    async with running() as site:
        await site.register(site.browser())
        foreign = site.client(origin="https://evil.example", authorization=authorization)
        body = {"email": f"{path}@example.com", "password": PASSWORD}
        refused = await foreign.post(f"{API}/{path}", json=body)
        assert (refused.status_code, code_of(refused)) == (403, "origin.refused")
        assert "set-cookie" not in refused.headers


@pytest.mark.parametrize("authorization", HEADERS)
async def test_our_own_logout_ends_the_login_and_clears_its_cookie(authorization: str):
    async with running() as site:
        browser = site.client(origin=URL, authorization=authorization)
        await site.register(browser)
        answer = await browser.post(f"{API}/logout", json={})
        assert answer.status_code == 204
        assert "__Host-coatcheck" in set_cookies(answer)
