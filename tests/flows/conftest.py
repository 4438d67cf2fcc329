"""What the tests of flows share."""

from collections.abc import Iterator

import pytest

from tests.flows.builders import Place


@pytest.fixture
def place() -> Iterator[Place]:
    """An empty store with everything a flow needs."""
    made = Place()
    yield made
    made.pool.close()
