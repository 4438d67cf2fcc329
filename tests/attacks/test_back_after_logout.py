"""Somebody at the same machine presses "back" after a logout (CS-12). They must not see the page, nor use it."""

import pytest
from playwright.sync_api import expect

from tests.browser import register
from tests.server import serving

pytestmark = pytest.mark.xdist_group("browser")


def test_back_shows_the_login_and_not_the_page(page):
    with serving() as server:
        url = server.auth.settings.url
        register(page, url)
        page.goto(f"{url}/auth/account")
        page.get_by_role("banner").get_by_role("button", name="Log out").click()
        expect(page.get_by_role("heading", name="You are logged out")).to_be_visible()
        page.go_back()
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()
        expect(page.get_by_text("ann@example.com")).to_have_count(0)


def test_a_cookie_that_was_copied_before_the_logout_opens_nothing(browser, page):
    with serving() as server:
        url = server.auth.settings.url
        register(page, url)
        copied = page.context.cookies()
        page.get_by_role("banner").get_by_role("button", name="Log out").click()
        expect(page.get_by_role("heading", name="You are logged out")).to_be_visible()
        with browser.new_context() as thief:
            thief.add_cookies(copied)
            stolen = thief.new_page()
            stolen.goto(f"{url}/auth/account")
            expect(stolen.get_by_role("heading", name="Log in")).to_be_visible()
