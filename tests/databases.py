"""In what a test's installation keeps its logins: ``tests.site`` and ``tests.server`` ask here.

pytestmark = [*EVERYWHERE]        # every test of this file, once for each
"""

from typing import Any

import pytest

KINDS = ("memory", "sqlite", "postgresql", "sqlite with redis", "postgresql with redis")

EVERYWHERE = (pytest.mark.usefixtures("database"), pytest.mark.parametrize("database", KINDS, indirect=True))
"""For stories that must pass whatever the logins are kept in."""

ONCE_AND_EVERYTHING = (
    pytest.mark.usefixtures("database"),
    pytest.mark.parametrize("database", [KINDS[0], KINDS[-1]], indirect=True),
)
"""For stories in a browser, which take long: without any database, and with all there is."""

settings: dict[str, Any] = {"database": "memory:"}
"""Fields of Settings for the installations of the test that runs. The fixture ``database`` replaces them."""
