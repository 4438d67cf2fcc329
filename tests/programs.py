"""Programs of the system that some tests need; the Makefile installs them from Debian where it may."""

import os
import shutil

import pytest


def installed(name: str) -> str:
    """The path of the program ``name``, as Debian's package is called too.

    Skips the test that asks where there is none, and fails it when ``CI`` is set.
    """
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        reason = f"NO {name.upper()}: these tests need {name} (on Debian: apt-get install {name})"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found
