"""The memory store obeys the laws."""

import pytest

from coatcheck.stores.memory import MemoryStore
from coatcheck.testing.contracts import StoreContract


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self):
        return MemoryStore()
