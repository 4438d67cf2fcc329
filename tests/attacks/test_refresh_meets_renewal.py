"""One tab proves the password while another refreshes: the refresh comes second, with the token from before.

RF-05, RF-06, RF-09, SE-02: it gets nothing, and takes nothing away; but the same token later is a replay.
"""

import pytest

from coatcheck.auth import Auth
from coatcheck.errors import TokenOutdated, TokenReplayed
from coatcheck.model.login import Login
from coatcheck.model.principal import Principal
from coatcheck.model.session import Carry
from tests.site import PASSWORD, code_of, running

pytestmark = pytest.mark.anyio


async def _reauthenticate(auth: Auth, who: Principal) -> Login:
    return await auth.reauthenticate(who, PASSWORD)


async def _change_password(auth: Auth, who: Principal) -> Login:
    return await auth.change_password(who, current=PASSWORD, new="two odd tall elms")


@pytest.mark.parametrize("renew", [_reauthenticate, _change_password])
async def test_a_refresh_that_meets_a_renewal_gets_nothing_and_ends_nothing(renew):
    async with running() as site:
        login = await site.auth.register("ann@example.com", PASSWORD, carry=Carry.TOKENS)
        old = login.credentials.refresh_token or ""
        renewed = await renew(site.auth, await site.auth.check(login.credentials.access_token or ""))
        for _ in range(3):
            with pytest.raises(TokenOutdated):
                await site.auth.refresh(old)
        await site.auth.check(renewed.credentials.access_token or "")
        again = await site.auth.refresh(renewed.credentials.refresh_token or "")
        assert again.session.id == login.session.id


async def test_the_same_token_after_the_grace_is_a_replay():
    async with running() as site:
        login = await site.auth.register("ann@example.com", PASSWORD, carry=Carry.TOKENS)
        renewed = await _reauthenticate(site.auth, await site.auth.check(login.credentials.access_token or ""))
        site.clock.advance(site.auth.settings.sessions.grace)
        with pytest.raises(TokenReplayed):
            await site.auth.refresh(login.credentials.refresh_token or "")
        with pytest.raises(Exception, match="ended"):
            await site.auth.refresh(renewed.credentials.refresh_token or "")


async def test_a_token_from_two_steps_before_the_renewal_is_a_replay_at_once():
    async with running() as site:
        login = await site.auth.register("ann@example.com", PASSWORD, carry=Carry.TOKENS)
        oldest = login.credentials.refresh_token or ""
        login = await site.auth.refresh(oldest)
        await _reauthenticate(site.auth, await site.auth.check(login.credentials.access_token or ""))
        with pytest.raises(TokenReplayed):
            await site.auth.refresh(oldest)


async def test_a_browser_keeps_the_new_cookie_when_its_other_tab_loses():
    async with running() as site:
        browser = site.browser()
        token = (await site.register(browser, carry="page"))["access_token"]
        stale = browser.cookies["__Secure-coatcheck-refresh"]
        headers = {"authorization": f"Bearer {token}"}
        answer = await browser.post("/auth/api/reauthenticate", json={"password": PASSWORD}, headers=headers)
        assert answer.status_code == 200
        other_tab = site.client(cookie=f"__Secure-coatcheck-refresh={stale}", origin="https://app.example.com")
        lost = await other_tab.post("/auth/api/token", data={"grant_type": "refresh_token"})
        assert (lost.status_code, code_of(lost)) == (400, "token.outdated")
        assert "set-cookie" not in lost.headers
        assert (await browser.post("/auth/api/token", data={"grant_type": "refresh_token"})).status_code == 200
