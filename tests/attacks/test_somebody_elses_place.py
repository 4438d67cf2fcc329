"""Somebody sits down where somebody else was: at a shared browser, behind a name, or in a deleted account's address.

SE-04, SE-17, ID-06, ID-12, JC-20, RF-12.
"""

import pytest

from coatcheck.errors import LoginRefused, RequestNotFound, SessionEnded, TokenInvalid
from coatcheck.model.session import Carry
from tests.site import API, PASSWORD, code_of, running

pytestmark = pytest.mark.anyio

OTHER_PASSWORD = "five bold newts swim"


async def test_the_next_person_at_a_browser_gets_a_session_of_their_own():
    async with running() as site:
        browser = site.browser()
        ann = await site.register(browser, "ann@example.com")
        left_behind = browser.cookies["__Host-coatcheck"]
        await site.auth.create_user("bob@example.com", OTHER_PASSWORD)
        login = {"email": "bob@example.com", "password": OTHER_PASSWORD}
        bob = (await browser.post(f"{API}/login", json=login)).json()
        assert bob["session"]["id"] != ann["session"]["id"]
        assert browser.cookies["__Host-coatcheck"] != left_behind
        assert (await browser.get(f"{API}/me")).json()["user"]["id"] == bob["user"]["id"]
        with pytest.raises(SessionEnded):
            await site.auth.check(left_behind)


async def test_registering_at_a_browser_that_somebody_left_logged_in_ends_their_login():
    async with running() as site:
        browser = site.browser()
        await site.register(browser, "ann@example.com")
        left_behind = browser.cookies["__Host-coatcheck"]
        await site.register(browser, "bob@example.com")
        with pytest.raises(SessionEnded):
            await site.auth.check(left_behind)


async def test_nobody_gets_a_receipt_for_logging_out_somebody_who_does_not_exist():
    async with running() as site:
        ann = await site.auth.register("ann@example.com", PASSWORD)
        for nobody in ("ann@example.com", "usr_nobody", ""):
            with pytest.raises(RequestNotFound):
                await site.auth.logout_everywhere(nobody, wait=True)
        assert await site.auth.check(ann.credentials.session_token or "")


async def test_no_session_id_and_no_secret_is_given_twice():
    async with running() as site:
        logins = [await site.auth.register(f"user{n}@example.com", PASSWORD) for n in range(50)]
        await site.auth.end_everything(reason="a test")
        logins += [await site.auth.login(f"user{n}@example.com", PASSWORD) for n in range(50)]
        assert len({login.session.id for login in logins}) == 100
        assert len({login.credentials.session_token for login in logins}) == 100


async def test_another_persons_password_proves_nothing():
    async with running() as site:
        browser = site.browser()
        await site.register(browser, "ann@example.com")
        await site.auth.create_user("bob@example.com", OTHER_PASSWORD)
        for path, body in (
            ("reauthenticate", {"password": OTHER_PASSWORD}),
            ("password", {"current": OTHER_PASSWORD, "new": "two odd tall elms"}),
        ):
            assert code_of(await browser.post(f"{API}/{path}", json=body)) == "login.refused"
        smuggled = {"password": OTHER_PASSWORD, "email": "bob@example.com"}
        assert code_of(await browser.post(f"{API}/reauthenticate", json=smuggled)) == "request.invalid"


async def test_a_name_that_is_somebodys_address_opens_nothing():
    async with running() as site:
        victim = await site.auth.create_user("victim@example.com", PASSWORD)
        await site.auth.register("mallory@example.com", OTHER_PASSWORD, name="victim@example.com")
        with pytest.raises(LoginRefused):
            await site.auth.login("victim@example.com", OTHER_PASSWORD)
        assert (await site.auth.login("victim@example.com", PASSWORD)).user.id == victim.id


@pytest.mark.parametrize("carry", [Carry.HEADER, Carry.TOKENS])
async def test_whoever_takes_over_a_deleted_address_inherits_nothing(carry: Carry):
    async with running() as site:
        before = await site.auth.register("ann@example.com", PASSWORD, carry=carry)
        await site.auth.set_roles(before.user.id, ("editor",))
        await site.auth.delete_user(before.user.id)
        after = await site.auth.register("ann@example.com", OTHER_PASSWORD, carry=carry)
        assert after.user.id != before.user.id
        assert after.user.roles == ()
        assert [session.id for session in await site.auth.sessions_of(after.user.id)] == [after.session.id]
        old, new = before.credentials, after.credentials
        with pytest.raises(SessionEnded):
            await site.auth.check(old.session_token or old.access_token or "")
        if old.refresh_token is not None:
            with pytest.raises((SessionEnded, TokenInvalid)):
                await site.auth.refresh(old.refresh_token)
        who = await site.auth.check(new.session_token or new.access_token or "")
        assert who.user_id == after.user.id
