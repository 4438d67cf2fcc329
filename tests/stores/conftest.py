"""A SQLite store, and processes that share it."""

import asyncio
import subprocess
import sys

import pytest

from coatcheck.stores.open import store_for


@pytest.fixture
def path(tmp_path):
    return tmp_path / "coatcheck.db"


@pytest.fixture
def store(path):
    store = store_for(f"sqlite:///{path}")
    asyncio.run(store.open())
    yield store
    asyncio.run(store.close())


@pytest.fixture
def start(path):
    """Starts a process of ``tests.stores.process``; what still runs at the end of the test is killed."""
    running = []

    def begin(what, name="process", count=1, *, on=None):
        url = on or f"sqlite:///{path}"
        command = [sys.executable, "-m", "tests.stores.process", what, url, name, str(count)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def postgres_store(postgres_url):
    """A PostgreSQL store with nothing in it."""
    store = store_for(postgres_url)
    asyncio.run(store.open())
    yield store
    asyncio.run(store.close())
