"""The SQLite store obeys the laws, also between two stores on one file."""

import asyncio

import pytest

from coatcheck.stores.open import store_for
from coatcheck.testing.contracts import StoreContract


class TestSqliteStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path):
        store = store_for(f"sqlite:///{tmp_path}/coatcheck.db")
        asyncio.run(store.open())
        yield store
        asyncio.run(store.close())

    @pytest.fixture
    def twin(self, store):
        twin = store_for(f"sqlite:///{store.beside}")
        asyncio.run(twin.open())
        yield twin
        asyncio.run(twin.close())
