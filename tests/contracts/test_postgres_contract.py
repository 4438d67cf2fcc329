"""The PostgreSQL store obeys the laws, also between two stores over one database."""

import asyncio

import pytest

from coatcheck.stores.open import store_for
from coatcheck.testing.contracts import StoreContract


class TestPostgresStore(StoreContract):
    @pytest.fixture
    def store(self, postgres_url):
        store = store_for(postgres_url)
        asyncio.run(store.open())
        yield store
        asyncio.run(store.close())

    @pytest.fixture
    def twin(self, store, postgres_url):
        twin = store_for(postgres_url)
        asyncio.run(twin.open())
        yield twin
        asyncio.run(twin.close())
