"""Programs of the system that some tests need; the Makefile installs them from Debian where it may."""

import os
import shutil
from typing import NoReturn

import pytest


def installed(name: str) -> str:
    """The path of the program ``name``, as Debian's package is called too.

    Skips the test that asks where there is none, and fails it when ``CI`` is set.
    """
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    return found or do_without(f"NO {name.upper()}: these tests need {name} (on Debian: apt-get install {name})")


def do_without(reason: str) -> NoReturn:
    """Skip the test that asks, and say why; in continuous integration it fails."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
