"""From a URL to a store that is open."""

import asyncio
import stat

import pytest

from coatcheck.errors import Misconfigured, StoreUnavailable
from coatcheck.model.event import SessionEnded
from coatcheck.stores.memory import MemoryStore
from coatcheck.stores.open import store_for
from coatcheck.stores.sqlite.store import SqliteStore


def test_the_url_names_the_kind_of_store(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert isinstance(store_for("memory:"), MemoryStore)
    assert isinstance(store_for("sqlite:///app.db"), SqliteStore)
    assert store_for("sqlite:///app.db").beside == f"{tmp_path}/app.db"
    assert store_for("sqlite:////srv/data/app.db").beside == "/srv/data/app.db"
    assert store_for("memory:").beside is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "app.db",
        "memory",
        "memory://",
        "sqlite:",
        "sqlite://",
        "sqlite:///",
        "sqlite://host/app.db",
        "sqlite:///:memory:",
        "sqlite:///folder/",
        "sqlite:///app.db?mode=ro",
        "sqlite:///app.db#x",
        "sqlite:///a\0b",
        "postgresql+asyncpg://localhost/app",
        "SQLITE:///app.db",
    ],
)
def test_any_other_url_is_refused(url):
    with pytest.raises(Misconfigured, match=r"sqlite:///file\.db"):
        store_for(url)


def test_all_files_are_for_the_owner_alone(store, path):
    asyncio.run(store.write(lambda tx: tx.log.append(SessionEnded("ses_x"))))
    files = list(path.parent.iterdir())
    assert {file.name for file in files} >= {"coatcheck.db", "coatcheck.db-wal", "coatcheck.db-subscribers"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_name_with_strange_characters_is_a_file_of_that_name(tmp_path):
    path = tmp_path / "a b%20c;d&e=f ü.db"
    store = store_for(f"sqlite:///{path}")
    asyncio.run(store.open())
    assert path.exists()
    asyncio.run(store.close())


def test_opening_and_closing_can_be_repeated(store):
    event = asyncio.run(store.commit(lambda tx: tx.log.append(SessionEnded("ses_x")))).events[0]
    for _ in range(2):
        asyncio.run(store.open())
        asyncio.run(store.close())
        asyncio.run(store.close())
    asyncio.run(store.open())
    assert asyncio.run(store.read(lambda tx: tx.log.head())).event_id == event.id


def test_closing_leaves_no_write_ahead_log_behind(store, path):
    asyncio.run(store.write(lambda tx: tx.log.append(SessionEnded("ses_x"))))
    asyncio.run(store.close())
    assert not path.with_name("coatcheck.db-wal").exists()


def test_a_store_that_is_not_open_is_unavailable(path):
    store = store_for(f"sqlite:///{path}")

    async def use():
        with pytest.raises(StoreUnavailable):
            await store.read(lambda tx: tx.log.head())
        with pytest.raises(StoreUnavailable):
            await store.write(lambda tx: None)
        with pytest.raises(StoreUnavailable):
            await store.read_registry(lambda registry: registry.all())
        with pytest.raises(StoreUnavailable):
            await store.write_registry(lambda registry: None)
        with pytest.raises(StoreUnavailable):
            store.watch(lambda: None)

    asyncio.run(use())
    asyncio.run(store.open())
    asyncio.run(store.close())
    asyncio.run(use())
    assert path.exists()
