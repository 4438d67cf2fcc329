"""A token is exchanged in the very moment in which all credentials of its login are replaced or ended.

SE-02, SE-08, RF-06: whoever holds the old cookie gets no access token of the new generation out of the race; the
exchange found the cookie good, but the transaction that issues does not.
"""

import pytest

from coatcheck.auth import Auth
from coatcheck.checking.cache import Remembered
from coatcheck.errors import SessionEnded
from coatcheck.model.session import Carry
from tests.site import PASSWORD, running

pytestmark = pytest.mark.anyio


async def _change_password(auth: Auth, held: Remembered) -> None:
    await auth.change_password(held.principal, current=PASSWORD, new="two odd tall elms")


async def _reauthenticate(auth: Auth, held: Remembered) -> None:
    await auth.reauthenticate(held.principal, PASSWORD)


async def _log_out(auth: Auth, held: Remembered) -> None:
    await auth.logout(held.principal)


async def _suspend(auth: Auth, held: Remembered) -> None:
    await auth.suspend(held.principal.user_id or "")


async def _end_everything(auth: Auth, held: Remembered) -> None:
    await auth.end_everything(reason="a test")


@pytest.mark.parametrize("overtaken_by", [_change_password, _reauthenticate, _log_out, _suspend, _end_everything])
async def test_an_exchange_that_was_overtaken_issues_nothing(overtaken_by):
    async with running() as site:
        login = await site.auth.register("ann@example.com", PASSWORD, carry=Carry.HEADER)
        stolen = (login.credentials.session_token or "").encode()
        held = await site.auth.recall(stolen)
        await overtaken_by(site.auth, held)
        with pytest.raises(SessionEnded):
            await site.auth.exchange_session(held)


async def test_a_renewal_in_passing_does_not_stand_in_the_way():
    async with running() as site:
        browser = site.browser()
        await site.register(browser)
        cookie = browser.cookies["__Host-coatcheck"].encode()
        held = await site.auth.recall(cookie)
        site.clock.advance(site.auth.settings.sessions.renew_after)
        await browser.get("/auth/api/me")
        assert browser.cookies["__Host-coatcheck"].encode() != cookie
        credentials = await site.auth.exchange_session(held)
        assert (await site.auth.check(credentials.access_token or "")).user_id == held.principal.user_id
