"""A person at a real browser, and what they see."""

from datetime import timedelta

import pytest
from fastapi import Depends, FastAPI
from fastapi.responses import HTMLResponse
from playwright.sync_api import expect

from coatcheck import Principal
from coatcheck.fastapi import current, install
from coatcheck.model.user import ADMINISTRATOR
from coatcheck.testing import ManualClock, login_as
from tests.browser import PASSWORD, log_in, register
from tests.databases import ONCE_AND_EVERYTHING
from tests.server import serving

pytestmark = [pytest.mark.xdist_group("browser"), *ONCE_AND_EVERYTHING]


def test_somebody_with_a_lost_phone_ends_it_from_the_laptop(browser, page):
    with serving() as server, browser.new_context() as lost:
        url = server.auth.settings.url
        register(page, url)
        phone = lost.new_page()
        log_in(phone, f"{url}/auth/login")
        expect(phone.get_by_role("heading", name="Where you are logged in")).to_be_visible()
        page.reload()
        other = page.get_by_role("listitem").filter(has_not_text="this one").filter(has_text="Last seen")
        other.get_by_role("button").click()
        expect(page.get_by_text("Ended. 1 of 1 checker confirmed in")).to_be_visible()
        phone.reload()
        expect(phone.get_by_role("heading", name="Log in")).to_be_visible()
        page.reload()
        expect(page.get_by_text("confirmed in")).to_have_count(0)
        expect(page.get_by_role("heading", name="Hello")).to_be_visible()


def test_everything_works_without_javascript(browser):
    with serving() as server, browser.new_context(java_script_enabled=False) as context:
        url, page = server.auth.settings.url, context.new_page()
        register(page, url)
        page.get_by_label("Current password").fill("not the right one")
        page.get_by_label("New password").fill("four loud geese argue")
        page.get_by_role("button", name="Change password").click()
        expect(page.get_by_text("The password is not right.")).to_be_visible()
        page.get_by_label("Current password").fill(PASSWORD)
        page.get_by_label("New password").fill("four loud geese argue")
        page.get_by_role("button", name="Change password").click()
        expect(page.get_by_text("Your password is changed")).to_be_visible()
        page.get_by_role("banner").get_by_role("button", name="Log out").click()
        expect(page.get_by_role("heading", name="You are logged out")).to_be_visible()
        page.get_by_role("link", name="Log in again").click()
        log_in(page, page.url, password=PASSWORD)
        expect(page.get_by_text("The e-mail address or the password is not right.")).to_be_visible()
        log_in(page, page.url, password="four loud geese argue")
        expect(page.get_by_role("heading", name="Hello")).to_be_visible()


def test_an_applications_own_page_sends_to_the_login_and_gets_its_visitor_back(page):
    def host(auth):
        app = FastAPI()
        install(app, auth)

        @app.get("/orders", response_class=HTMLResponse)
        async def orders(who: Principal = Depends(current)):
            return f"<h1>Orders of {who.user_id}</h1>"

        return app

    with serving(make=host) as server:
        url = server.auth.settings.url
        user = server.run(server.auth.create_user("ann@example.com", PASSWORD))
        log_in(page, f"{url}/orders?page=2")
        expect(page.get_by_role("heading", name=f"Orders of {user.id}")).to_be_visible()
        assert page.url == f"{url}/orders?page=2"


def test_an_administrator_confirms_the_password_and_suspends_somebody(browser, page):
    clock = ManualClock()
    with serving(clock=clock) as server, browser.new_context() as theirs:
        url = server.auth.settings.url
        server.run(server.auth.create_user("root@example.com", PASSWORD, roles=(ADMINISTRATOR,)))
        server.run(server.auth.create_user("bob@example.com", PASSWORD))
        bob = theirs.new_page()
        log_in(bob, f"{url}/auth/login", "bob@example.com")
        log_in(page, f"{url}/auth/admin", "root@example.com")
        clock.advance(timedelta(minutes=16))
        page.get_by_role("link", name="bob@example.com").click()
        page.get_by_role("button", name="Suspend").click()
        expect(page.get_by_role("heading", name="Is it still you?")).to_be_visible()
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Confirm").click()
        page.get_by_role("button", name="Suspend").click()
        expect(page.get_by_text("Suspended, and logged out everywhere.")).to_be_visible()
        log_in(bob, f"{url}/auth/account", "bob@example.com")
        expect(bob.get_by_text("This account is suspended.")).to_be_visible()


def test_the_login_survives_the_browser_only_where_it_was_asked_to(browser, page):
    with serving() as server:
        url = server.auth.settings.url
        register(page, url)
        [cookie] = [each for each in page.context.cookies() if each["value"].startswith("ccs_")]
        assert cookie["expires"] == -1
        with browser.new_context() as context:
            own = context.new_page()
            own.goto(f"{url}/auth/login")
            own.get_by_label("Keep me logged in").check()
            log_in_here = own.get_by_role("main").get_by_role("button", name="Log in")
            own.get_by_label("E-mail address").fill("ann@example.com")
            own.get_by_label("Password").fill(PASSWORD)
            log_in_here.click()
            own.wait_for_url("**/auth/account")
            [cookie] = [each for each in context.cookies() if each["value"].startswith("ccs_")]
            assert cookie["expires"] > 0


def test_a_session_that_was_made_elsewhere_is_on_the_list_in_words(page):
    with serving() as server:
        url = server.auth.settings.url
        register(page, url)
        user = server.run(server.auth.find_users())[0]
        server.run(login_as(server.auth, user.id))
        page.reload()
        expect(page.get_by_text("Chrome on Linux").or_(page.get_by_text("Chromium on Linux"))).to_be_visible()
        expect(page.get_by_text("A test", exact=True)).to_be_visible()
        expect(page.get_by_role("button", name="Log out everywhere else")).to_be_visible()
