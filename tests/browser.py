"""A real browser for tests: Chromium, driven by Playwright, with a fresh profile for each context.

Where there is no Chromium, the tests that need it are skipped and say so; in continuous integration they fail.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.programs import do_without

NAMES = ("chromium", "chromium-browser", "google-chrome")
PASSWORD = "three quiet herons wade"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def executable() -> str:
    """The path of a Chromium. Skips the test that asks where there is none, and fails it when ``CI`` is set."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return found or do_without("NO BROWSER: these tests need Chromium (on Debian: apt-get install chromium)")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for one file of tests: Playwright holds the thread's event loop, so none may outlive its file."""
    with browsing() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page in a fresh profile."""
    with browser.new_context() as context:
        context.set_default_timeout(10_000)
        yield context.new_page()


@contextmanager
def browsing() -> Iterator[Browser]:
    """A browser until the block ends."""
    path = executable()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def register(page: Page, url: str, email: str = "ann@example.com", password: str = PASSWORD) -> None:
    """Make an account by hand; ends on its page."""
    page.goto(f"{url}/auth/register")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Make an account").click()
    page.wait_for_url("**/auth/account")


def log_in(page: Page, url: str, email: str = "ann@example.com", password: str = PASSWORD) -> None:
    """Log in by hand, from the login page or from wherever one is sent to it."""
    page.goto(url)
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("main").get_by_role("button", name="Log in").click()
