"""In what a test's installation keeps its logins: ``tests.site`` and ``tests.server`` ask here.

pytestmark = [*EVERYWHERE]        # every test of this file, once for each
"""

from typing import Any

import pytest

KINDS = ("memory", "sqlite", "postgresql", "sqlite with redis", "postgresql with redis")

EVERYWHERE = (pytest.mark.usefixtures("database"), pytest.mark.parametrize("database", KINDS, indirect=True))
"""For stories that must pass whatever the logins are kept in."""

settings: dict[str, Any] = {"database": "memory:"}
"""Fields of Settings for the installations of the test that runs. The fixture ``database`` replaces them."""
