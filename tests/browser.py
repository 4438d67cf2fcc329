"""A real browser for tests: Chromium, driven by Playwright, with a fresh profile for each context.

Where there is no Chromium, the tests that need it are skipped and say so; in continuous integration they fail.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
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
    if found is None:
        reason = "NO BROWSER: these tests need Chromium (on Debian: apt-get install chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


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
