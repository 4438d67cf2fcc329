"""An event of a kind that this version does not know: nothing of it is applied, and no lease is taken (rule 4)."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from coatcheck.auth import Auth
from coatcheck.errors import StoreUnavailable
from coatcheck.settings import RevocationSettings, Settings
from coatcheck.testing import fast_passwords


def test_a_checker_that_meets_an_unknown_event_decides_alone_no_longer_and_goes_on_when_it_is_gone(tmp_path: Path):
    file = tmp_path / "app.db"
    settings = Settings(
        database=f"sqlite:///{file}",
        passwords=fast_passwords(),
        revocation=RevocationSettings(lease=timedelta(milliseconds=300)),
    )

    async def story() -> None:
        async with Auth(settings) as auth:
            login = await auth.register("ann@example.com", "a password for this test only")
            token = login.credentials.session_token or ""
            with closing(sqlite3.connect(file)) as connection, connection:
                connection.execute(
                    "INSERT INTO coatcheck_events SELECT seq + 1, event_id || 'x', "
                    """'{"kind": "moon_changed", "phase": 1}' FROM coatcheck_events ORDER BY seq DESC LIMIT 1"""
                )
                connection.execute("UPDATE coatcheck_head SET seq = seq + 1, event_id = event_id || 'x'")
            with pytest.raises(StoreUnavailable, match="does not know"):
                await auth.store.read(lambda tx: tx.log.after(0, 100))
            while auth.checker.is_trusted():  # noqa: ASYNC110 - a lease runs out without telling anybody
                await asyncio.sleep(0.01)
            assert (await auth.check(token)).user_id == login.user.id  # the policy asks online
            with closing(sqlite3.connect(file)) as connection, connection:
                connection.execute("UPDATE coatcheck_head SET seq = seq - 1, event_id = rtrim(event_id, 'x')")
                connection.execute("DELETE FROM coatcheck_events WHERE event_id LIKE '%x'")
            while not auth.checker.is_trusted():  # noqa: ASYNC110 - the same
                await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(story(), 20))
