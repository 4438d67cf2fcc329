"""A store that is measured obeys the laws as it did before."""

import pytest

from coatcheck.metrics.measured_store import MeasuredStore
from coatcheck.stores.memory import MemoryStore
from coatcheck.testing.contracts import StoreContract


class TestMeasuredStore(StoreContract):
    @pytest.fixture
    def store(self):
        return MeasuredStore(MemoryStore())
