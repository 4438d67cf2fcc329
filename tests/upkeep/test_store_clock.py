"""A server whose clock is wrong clears nothing away that belongs to all."""

import logging
from datetime import UTC, datetime, timedelta

import pytest

from coatcheck import Auth, Settings
from coatcheck.settings import AuditSettings
from coatcheck.stores.memory.store import MemoryStore
from coatcheck.testing import ManualClock, fast_passwords
from coatcheck.upkeep.store_clock import StoreClock

pytestmark = pytest.mark.anyio

SETTINGS = {
    "secrets": ("a secret of this test, longer than thirty-two characters",),
    "passwords": fast_passwords(),
    "audit": AuditSettings(keep_for=timedelta(days=30)),
}


@pytest.mark.parametrize("wrong_by", [timedelta(days=400), timedelta(minutes=2), timedelta(minutes=-2)])
async def test_a_server_whose_clock_is_not_the_databases_purges_nothing_and_says_so_once(
    postgres_url: str, wrong_by: timedelta, caplog: pytest.LogCaptureFixture
) -> None:
    clock = ManualClock(datetime.now(UTC))
    async with Auth(Settings(database=postgres_url, **SETTINGS), clock=clock) as auth:
        login = await auth.register("ann@example.com", "three quiet herons wade")
        clock.set(clock.now + wrong_by)
        for _ in range(3):
            await auth.parts.running._purge()
        assert await auth.store.read(lambda tx: tx.sessions.get(login.session.id)) is not None
        assert await auth.store.read(lambda tx: tx.audit.page())
        errors = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert ["differs from the database's" in record.getMessage() for record in errors] == [True]
        clock.set(datetime.now(UTC))
        await auth.parts.running._purge()
        assert "agree again" in caplog.records[-1].getMessage()


async def test_where_the_clock_is_right_what_is_old_goes(postgres_url: str) -> None:
    clock = ManualClock(datetime.now(UTC) - timedelta(days=400))
    async with Auth(Settings(database=postgres_url, **SETTINGS), clock=clock) as auth:
        login = await auth.register("ann@example.com", "three quiet herons wade")
        clock.set(datetime.now(UTC))
        await auth.parts.running._purge()
        assert await auth.store.read(lambda tx: tx.sessions.get(login.session.id)) is None
        assert not await auth.store.read(lambda tx: tx.audit.page())


async def test_a_store_on_the_same_machine_has_nothing_to_compare_with() -> None:
    assert await StoreClock(MemoryStore(), ManualClock()).agrees()
