from datetime import UTC, datetime, timedelta

import pytest

from coatcheck.sessions.noting import NOTED_EVERY, is_first
from coatcheck.stores.memory import MemoryStore

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MOMENT = timedelta(seconds=1)


def asks(store: MemoryStore, at: datetime, mark: str = "mark", within: timedelta = NOTED_EVERY) -> bool:
    return store.transact(lambda tx: is_first(tx, mark, at, within))


@pytest.mark.parametrize("within", [NOTED_EVERY, timedelta(minutes=5)])
def test_one_is_the_first_until_the_time_is_over(within: timedelta) -> None:
    store = MemoryStore()
    asked_at = (NOW, NOW, NOW + within - MOMENT, NOW + within, NOW + within + MOMENT)
    assert [asks(store, at, within=within) for at in asked_at] == [True, False, False, True, False]
    assert asks(store, NOW, mark="another", within=within)


def test_the_rest_of_a_flood_writes_nothing() -> None:
    store = MemoryStore()
    asks(store, NOW)
    assert store.view(lambda tx: is_first(tx, "mark", NOW)) is False  # a read that writes is an error
