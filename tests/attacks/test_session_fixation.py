"""A session token is planted before the victim logs in, or kept from before.

SE-01, SE-02 (OWASP WSTG-SESS-03, ASVS 7.2.4).
"""

import pytest

from tests.site import API, PASSWORD, bearer, code_of, running

pytestmark = pytest.mark.anyio

ORIGIN = {"origin": "https://app.example.com"}


@pytest.mark.parametrize("planted", ["ccs_" + "A" * 44, "attackers-choice", ""])
async def test_a_planted_session_cookie_is_never_adopted(planted: str):
    async with running() as site:
        victim = site.client(cookie=f"__Host-coatcheck={planted}", **ORIGIN)
        answer = await victim.post(f"{API}/register", json={"email": "ann@example.com", "password": PASSWORD})
        assert answer.status_code == 201
        issued = answer.cookies["__Host-coatcheck"]
        assert issued != planted
        attacker = site.client(cookie=f"__Host-coatcheck={planted}")
        assert (await attacker.get(f"{API}/me")).status_code == 401


async def test_an_attackers_own_session_is_not_turned_into_the_victims():
    async with running() as site:
        attacker = site.browser()
        await site.register(attacker, "mallory@example.com")
        planted = attacker.cookies["__Host-coatcheck"]
        await site.register(site.browser(), "ann@example.com")
        victim = site.client(cookie=f"__Host-coatcheck={planted}", **ORIGIN)
        answer = await victim.post(f"{API}/login", json={"email": "ann@example.com", "password": PASSWORD})
        assert answer.cookies["__Host-coatcheck"] != planted
        assert code_of(await attacker.get(f"{API}/me")) == "session.ended"


@pytest.mark.parametrize("carry", ["cookie", "header", "tokens", "page", "jwt-cookie"])
@pytest.mark.parametrize("verb", ["reauthenticate", "password"])
async def test_every_credential_from_before_is_dead_after_the_password_was_proven(carry: str, verb: str):
    async with running() as site:
        browser = site.browser()
        body = await site.register(browser, carry=carry)
        token = body.get("session_token") or body.get("access_token")
        headers = bearer(token) if token else {}
        before = {cookie.name: cookie.value for cookie in browser.cookies.jar}
        proof = (
            {"password": PASSWORD} if verb == "reauthenticate" else {"current": PASSWORD, "new": "two odd tall elms"}
        )
        answer = await browser.post(f"{API}/{verb}", json=proof, headers=headers)
        assert answer.status_code == 200
        cookies = "; ".join(f"{name}={value}" for name, value in before.items())
        stale = site.client(cookie=cookies, **ORIGIN)
        assert (await stale.get(f"{API}/me", headers=headers)).status_code == 401
        if "__Secure-coatcheck-refresh" in before:
            refused = await stale.post(f"{API}/token", data={"grant_type": "refresh_token"})
            assert refused.status_code == 400
